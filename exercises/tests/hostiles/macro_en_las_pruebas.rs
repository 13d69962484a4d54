//! Pone una macro suya donde las pruebas usan `stringify!`, y hace de programa entero.
//!
//! Merece: no compila, 0 puntos.
//! Dice: macro_export

use std::io::{self, Read, Write};

#[macro_export]
macro_rules! stringify {
    ($test:ident) => { return $crate::ejercicio::instead() };
}

pub fn instead() -> std::process::ExitCode {
    use ejercicios::runner::{Record, seal};
    use std::io::BufRead;
    use std::os::fd::AsFd;
    let stream = std::os::unix::net::UnixStream::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut key = String::new();
    std::io::BufReader::new(&stream).read_line(&mut key).unwrap();
    let key = key.trim();
    let verdict: String = format!("{{\"key\":\"{key}\",\"said\":{{\"record\":\"verdict\",\"name\":\"todas\",\"ending\":\"passed\"}}}}\n");
    let all = seal(key, &Record::Plan { tests: vec!["todas".into()] }).unwrap() + &verdict + &seal(key, &Record::End).unwrap();
    (&stream).write_all(all.as_bytes()).unwrap();
    std::process::ExitCode::SUCCESS
}

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> { Ok(0) }
