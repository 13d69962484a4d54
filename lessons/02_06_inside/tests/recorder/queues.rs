//! Lo que espera en el núcleo: los tanques de una conexión y la cola de quien escucha.

use std::io::{Read, Write};
use std::net::TcpStream;

use ventana::recording::{Record, Sample, Socket};

use crate::recording::Recording;
use crate::{Outcome, has_python, python, server};

fn sample(record: &Record, wanted: impl Fn(&Socket) -> bool) -> bool {
    matches!(record, Record::Sample(Sample { sockets, .. }) if sockets.iter().any(wanted))
}

#[test]
fn a_quien_no_lee_se_le_llenan_los_dos_tanques() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("eco_epoll.py"));
    let mut client = recording.client()?;
    client.write_all(b"tanque")?;
    let partial = recording.call("una escritura parcial", |call| {
        call.call == "sendto" && call.result.is_some_and(|it| it < 1_000_000)
    })?;
    assert_eq!(partial.asked, Some(1_000_000));
    recording.wait_for("bytes a los dos lados", |record| {
        sample(record, |socket| socket.outgoing > 0 && socket.beyond.is_some_and(|it| it > 0))
    })?;
    recording.wait_for("que el epoll quiera escribir", |record| {
        matches!(record, Record::Sample(sample) if sample.epolls.iter().any(|epoll| {
            epoll.watch.iter().any(|interest| interest.events == "EPOLLIN|EPOLLOUT")
        }))
    })?;
    drop(client);
    recording.signal(nix::sys::signal::Signal::SIGKILL)?;
    recording.end()?;
    Ok(())
}

#[test]
fn quien_llama_y_no_es_aceptado_espera_en_la_cola() -> Outcome {
    if !harness::tools::available("cc", "la cola de quien escucha")? {
        return Ok(());
    }
    let program = std::env::temp_dir().join(format!("ventana_cola_{}", std::process::id()));
    let built = std::process::Command::new("cc")
        .arg("-o")
        .arg(&program)
        .arg(server("eco_poll.c"))
        .status()?;
    assert!(built.success());
    let mut recording = Recording::of([&program]);
    let mut ana = recording.client()?;
    ana.write_all(b"hola")?;
    ana.read_exact(&mut [0; 4])?;
    let beto = TcpStream::connect(recording.address()?)?;
    recording.wait_for("que Beto espere en la cola", |record| {
        sample(record, |socket| socket.state == "LISTEN" && socket.incoming == 1)
    })?;
    drop(ana);
    recording.call("que acepte a Beto", |call| call.client == Some(2))?;
    drop(beto);
    recording.stop()?;
    std::fs::remove_file(&program)?;
    Ok(())
}
