//! Tres hilos suman en el mismo número, de uno en uno.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ejemplos::{start, tell};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn add(total: &Mutex<usize>, count: usize) {
    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
    *total += count;
}

fn demonstration() -> io::Result<()> {
    let total = Arc::new(Mutex::new(0));
    let mut threads = Vec::new();
    for count in [4, 6, 13] {
        let theirs = Arc::clone(&total);
        threads.push(thread::spawn(move || add(&theirs, count)));
    }
    for thread in threads {
        thread.join().map_err(|_| io::ErrorKind::Other)?;
    }
    let total = total.lock().unwrap_or_else(PoisonError::into_inner);
    tell(format!("Entre los tres, {total} bytes."));
    Ok(())
}
// ANCHOR_END: demonstration
