/* Eco con poll: atiende a uno, y mientras hay alguien no acepta a nadie más. */
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

static int echo(int client) {
    char buffer[256];
    ssize_t count = read(client, buffer, sizeof buffer);
    return count > 0 && write(client, buffer, count) == count;
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, sizeof address);
    listen(listener, 8);
    for (;;) {
        struct pollfd one = {.fd = listener, .events = POLLIN};
        poll(&one, 1, -1);
        int client = accept(listener, NULL, NULL);
        do {
            one = (struct pollfd){.fd = client, .events = POLLIN};
            poll(&one, 1, -1);
        } while (echo(client));
        close(client);
    }
}
