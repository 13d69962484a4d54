//! No termina de compilarse.
//!
//! Merece: sin tiempo, 0 puntos.
//! Dice: no dio tiempo

#![allow(long_running_const_eval)]

use std::io::{self, Read, Write};

const NEVER: u64 = {
    let mut count = 0;
    while count < u64::MAX {
        count += 1;
    }
    count
};

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    Ok(NEVER)
}
