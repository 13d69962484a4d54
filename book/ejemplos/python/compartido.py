"""Tres hilos suman en el mismo número, de uno en uno."""

import threading


# ANCHOR: demonstration
class Shared:
    def __init__(self):
        self.lock = threading.Lock()
        self.total = 0


def add(shared, count):
    with shared.lock:
        shared.total += count


def demonstration():
    shared = Shared()
    threads = []
    for count in (4, 6, 13):
        thread = threading.Thread(target=add, args=(shared, count))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    print(f"Entre los tres, {shared.total} bytes.")
# ANCHOR_END: demonstration


if __name__ == "__main__":
    demonstration()
