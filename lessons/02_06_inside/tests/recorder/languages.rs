//! Lo que vigila cada servidor es lo que dice su código.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

use ventana::recording::{Interest, Record};

use crate::recording::{Recording, calls};
use crate::{Outcome, has_python, python, server};

/// Lo mismo, con la mitad baja del dato: Python solo escribe esa (`data.fd`), y en la otra queda lo
/// que hubiera.
fn low(interest: &Interest) -> Interest {
    let data = interest.data.map(|data| data & u64::from(u32::MAX));
    Interest { data, ..interest.clone() }
}

fn interest(fd: i32, events: &str, data: Option<u64>) -> Interest {
    Interest { fd, events: events.to_owned(), data }
}

/// Saluda y espera el eco.
fn greet(recording: &mut Recording) -> Result<std::net::TcpStream, harness::Failure> {
    let mut client = recording.client()?;
    client.write_all(b"hola")?;
    client.read_exact(&mut [0; 4])?;
    Ok(client)
}

#[test]
fn un_select_de_python_vigila_a_quien_escucha_y_a_su_cliente() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("eco_select.py"));
    let client = greet(&mut recording)?;
    let asleep = recording.call("que vuelva a dormir con su cliente", |call| {
        call.call.contains("select") && call.took.is_none() && call.watch.len() == 2
    })?;
    let listener = calls_fd(&mut recording)?;
    let accepted = recording.call("que acepte", |call| call.call == "accept4")?;
    let fd = i32::try_from(accepted.result.unwrap_or_default()).unwrap_or_default();
    assert_eq!(asleep.watch, [interest(listener, "leer", None), interest(fd, "leer", None)]);
    assert_eq!((accepted.client, asleep.timeout), (Some(1), None));
    assert_eq!(asleep.nfds, Some(i64::from(fd) + 1));
    drop(client);
    let close = recording.call("que cierre a su cliente", |call| call.call == "close")?;
    assert_eq!((close.fd, close.client), (Some(fd), Some(1)));
    let ended = recording.stop()?;
    let read: Vec<_> = calls(&ended.records).filter(|call| call.call == "recvfrom").collect();
    let first = (read[0].asked, read[0].result, read[0].bytes.as_deref());
    assert_eq!(first, (Some(4), Some(4), Some("686f6c61")));
    assert_eq!(ended.signal.as_deref(), Some("SIGTERM"));
    Ok(())
}

fn calls_fd(recording: &mut Recording) -> Result<i32, harness::Failure> {
    let listen = recording.call("que escuche", |call| call.call == "listen")?;
    Ok(listen.fd.unwrap_or_default())
}

#[test]
fn el_epoll_de_python_se_lee_del_núcleo() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("eco_epoll.py"));
    let client = greet(&mut recording)?;
    let sample = recording.wait_for("que el epoll vigile a dos", |record| {
        matches!(record, Record::Sample(it) if it.epolls.iter().any(|it| it.watch.len() == 2))
    })?;
    let Record::Sample(sample) = sample else { unreachable!() };
    let listener = calls_fd(&mut recording)?;
    let accepted = recording.call("que acepte", |call| call.call == "accept4")?;
    let fd = i32::try_from(accepted.result.unwrap_or_default()).unwrap_or_default();
    let data = |fd: i32| u64::try_from(fd).ok();
    let expected = [
        interest(listener, "EPOLLIN", data(listener)),
        interest(fd, "EPOLLIN|EPOLLRDHUP", data(fd)),
    ];
    assert_eq!(sample.epolls[0].watch.iter().map(low).collect::<Vec<_>>(), expected);
    let registered = recording.call("que registre a su cliente", |call| {
        call.how.as_deref() == Some("ADD") && call.client.is_some()
    })?;
    assert_eq!(registered.target.as_ref().map(low).as_ref(), Some(&expected[1]));
    drop(client);
    recording.stop()?;
    Ok(())
}

#[test]
fn un_servidor_de_node_también_tiene_su_lista() -> Outcome {
    if !harness::tools::available("node", "la grabadora, con un servidor en Node")? {
        return Ok(());
    }
    let mut recording = Recording::of([PathBuf::from("node"), server("eco_node.js")]);
    let client = greet(&mut recording)?;
    let listener = calls_fd(&mut recording)?;
    let accepted =
        recording.call("que acepte", |call| call.call == "accept4" && call.client == Some(1))?;
    let fd = i32::try_from(accepted.result.unwrap_or_default()).unwrap_or_default();
    let wanted = [
        interest(listener, "EPOLLIN", u64::try_from(listener).ok()),
        interest(fd, "EPOLLIN", u64::try_from(fd).ok()),
    ];
    recording.wait_for("que el epoll de Node vigile a los dos", |record| {
        matches!(record, Record::Sample(sample) if sample.epolls.iter().any(|epoll| {
            wanted.iter().all(|wanted| epoll.watch.contains(wanted))
        }))
    })?;
    drop(client);
    recording.stop()?;
    Ok(())
}

#[test]
fn en_c_se_sabe_además_la_línea() -> Outcome {
    if !harness::tools::available("cc", "la grabadora, con un servidor en C")? {
        return Ok(());
    }
    let program = std::env::temp_dir().join(format!("ventana_poll_{}", std::process::id()));
    let built =
        Command::new("cc").args(["-g", "-o"]).arg(&program).arg(server("eco_poll.c")).status()?;
    assert!(built.success());
    // Sin intérprete delante: la línea se busca en el programa que se pide.
    let (sender, arriving) = std::sync::mpsc::channel();
    let command = [program.clone().into_os_string()];
    let recorder = std::thread::spawn(move || {
        let options = ventana::recorder::Options::default();
        ventana::recorder::record(&command, &options, |record| {
            let _ = sender.send(record.clone());
        })
    });
    let (mut listening, mut seen) = (None, Vec::new());
    for record in &arriving {
        seen.push(record.clone());
        let Record::Call(call) = record else { continue };
        if call.call == "listen" {
            listening = call.local.clone();
        }
        if call.call == "poll" && call.took.is_none() {
            break;
        }
    }
    let address = listening.ok_or_else(|| harness::Failure::new("No llegó a escuchar."))?;
    let mut client = std::net::TcpStream::connect(address)?;
    client.write_all(b"hola")?;
    client.read_exact(&mut [0; 4])?;
    for record in &arriving {
        seen.push(record);
        if let Some(Record::Call(call)) = seen.last()
            && call.call == "write"
        {
            break;
        }
    }
    let pid = harness::tools::available("pgrep", "cómo termina un servidor en C")?
        .then(|| Command::new("pgrep").args(["-f", "-x"]).arg(&program).output());
    if let Some(pid) = pid {
        let pid = String::from_utf8_lossy(&pid?.stdout).trim().to_owned();
        Command::new("kill").arg(pid).status()?;
    }
    let ended = recorder.join().map_err(|_| harness::Failure::new("pánico"))?;
    assert_eq!(
        ended.map_err(|it| harness::Failure::new(it.to_string()))?.signal.as_deref(),
        Some("SIGTERM")
    );
    std::fs::remove_file(&program)?;
    let written = calls(&seen).find(|call| call.call == "write");
    let places: Vec<_> = written.into_iter().flat_map(|call| &call.at).collect();
    let functions: Vec<_> = places.iter().filter_map(|place| place.function.as_deref()).collect();
    assert_eq!(functions, ["echo", "main"]);
    assert_eq!(places[0].line, Some(9), "{places:?}");
    assert!(places[0].file.as_deref().is_some_and(|file| file.ends_with("servers/eco_poll.c")));
    assert!(
        seen.iter()
            .any(|it| matches!(it, Record::Source { text, .. } if text.contains("Eco con poll")))
    );
    Ok(())
}
