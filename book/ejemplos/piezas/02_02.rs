// ANCHOR: main
fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_02_1 8802");
    ExitCode::from(2)
}
// ANCHOR_END: main

// ANCHOR: serve
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    for client in listener.incoming().flatten() {
        let _ = echo(&client);
    }
    Ok(())
}
// ANCHOR_END: serve

// ANCHOR: echo
fn echo(mut client: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?;
    }
    Ok(())
}
// ANCHOR_END: echo

