//! SO_REUSEADDR: para volver a arrancar en el mismo puerto, lo han de pedir los dos, también el
//! servidor anterior.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;

use ejemplos::{start, tell};
use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    start(demonstration)
}

// ANCHOR: demonstration
fn demonstration() -> io::Result<()> {
    tell("Un servidor atiende a un cliente, cierra él primero y termina. Otro ocupa su sitio.");
    for (before, after) in [(false, false), (false, true), (true, false), (true, true)] {
        let address = serve_one_and_end(before)?;
        let outcome = match listen(address, after) {
            Ok(_) => "arranca".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => "EADDRINUSE".to_owned(),
            Err(error) => return Err(error),
        };
        tell(format!(
            "  ¿Lo pidió el primero? {} ¿Y el segundo? {} → {outcome}",
            says(before),
            says(after)
        ));
    }
    Ok(())
}

/// Un servidor entero: escucha, acepta, cierra y termina. El que cierra primero deja la conexión
/// en TIME_WAIT, con su puerto.
fn serve_one_and_end(reuse: bool) -> io::Result<SocketAddr> {
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), reuse)?;
    let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    let mut client = TcpStream::connect(address)?;
    drop(listener.accept()?);
    // Hasta que llegue su final: entonces la conexión ya está cerrada por su lado.
    let _end = client.read(&mut [0; 1])?;
    Ok(address)
}

fn listen(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    socket.bind(&address.into())?;
    socket.listen(1)?;
    Ok(socket)
}
// ANCHOR_END: demonstration

fn says(asked: bool) -> &'static str {
    if asked { "Sí." } else { "No." }
}
