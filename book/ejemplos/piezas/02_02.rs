// ANCHOR: serve
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    for client in listener.incoming().flatten() {
        let _ = echo(client);
    }
    Ok(())
}
// ANCHOR_END: serve

// ANCHOR: echo
fn echo(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?;
    }
    Ok(())
}
// ANCHOR_END: echo

