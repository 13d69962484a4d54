//! Vuelve a llamar al principio del programa, con otras pruebas y el mismo encargado.
//!
//! Merece: falla, 0 puntos.

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(_stream: &mut S) -> io::Result<u64> {
    let (mine, theirs) = std::os::unix::net::UnixStream::pair()?;
    (&mine).write_all(b"0\n")?;
    nix::unistd::dup2_stdin(&theirs)?;
    let name: &'static str = Box::leak(std::env::args().nth(2).unwrap().into_boxed_str());
    ejercicios::runner::main(&[ejercicios::runner::Test::new(name, || Ok(()))], || Ok(()));
    Ok(0)
}
