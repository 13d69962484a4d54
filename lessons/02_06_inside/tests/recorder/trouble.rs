//! Lo que no va bien: programas que no son servidores, que se dividen, que mueren, que inundan.

use std::ffi::OsString;
use std::io::{Read, Write};

use nix::sys::signal::Signal;
use ventana::recorder::{Options, record};
use ventana::recording::{self, Record};

use crate::recording::{Recording, calls};
use crate::{Outcome, has_python, python, server};

/// Lo que se dice de una orden que no se puede grabar, o cómo terminó.
fn complaint(words: &[&str]) -> String {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let mut first = None;
    match record(&words, &Options::default(), |record| first = Some(record.clone())) {
        Ok(ended) => format!("código {:?}, escuchó: {}", ended.code, ended.listened),
        Err(trouble) => trouble.to_string(),
    }
}

#[test]
fn una_orden_que_no_existe_o_que_no_se_puede_ejecutar() {
    assert!(
        complaint(&["no-existe-8931"]).starts_with("no se encuentra la orden «no-existe-8931»")
    );
    let file = server("eco_poll.c");
    let file = file.to_string_lossy();
    assert!(complaint(&[&file]).contains("chmod +x"));
    assert!(complaint(&[]).starts_with("falta la orden"));
}

#[test]
fn un_programa_que_no_es_un_servidor_termina_y_se_sabe() {
    assert_eq!(complaint(&["sh", "-c", "exit 3"]), "código Some(3), escuchó: false");
}

#[test]
fn un_servidor_que_se_divide_tiene_dos_procesos_y_cada_uno_muere_por_su_cuenta() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("prefork.py"));
    recording.call("que el hijo duerma en accept", |call| {
        call.thread == 2 && call.call == "accept4" && call.took.is_none()
    })?;
    let mut client = recording.client()?;
    client.write_all(b"\0\xff\x80muere")?;
    let mut echoed = Vec::new();
    client.read_to_end(&mut echoed)?;
    assert_eq!(echoed, b"\0\xff\x80muere");
    let mut client = recording.client()?;
    client.write_all(b"muere")?;
    client.read_to_end(&mut Vec::new())?;
    let died =
        recording.wait_for("que muera el hijo", |record| matches!(record, Record::Exit { .. }))?;
    assert!(matches!(died, Record::Exit { thread: 2, signal: Some(it), .. } if it == "SIGKILL"));
    // Ahora acepta el padre, que hasta aquí lo esperaba.
    let mut client = recording.client()?;
    client.write_all(b"hola")?;
    client.read_to_end(&mut Vec::new())?;
    let ended = recording.stop()?;
    let born = ended.records.iter().find_map(|record| match record {
        Record::Thread { thread: 2, parent, process, .. } => Some((*parent, *process)),
        _ => None,
    });
    assert_eq!(born, Some((1, true)));
    let read = calls(&ended.records).filter(|call| call.call == "recvfrom");
    let read: Vec<_> = read.map(|call| (call.thread, call.client, call.bytes.as_deref())).collect();
    assert_eq!(
        read,
        [
            (2, Some(1), Some("00ff806d75657265")),
            (2, Some(2), Some("6d75657265")),
            (1, Some(3), Some("686f6c61"))
        ]
    );
    Ok(())
}

#[test]
fn quien_inunda_no_pasa_del_tope_y_se_dice_cuánto_falta() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("inundar.py"));
    let enough = std::cell::Cell::new(0);
    recording.wait_for("veinte mil llamadas", |record| {
        enough.set(enough.get() + u32::from(matches!(record, Record::Call(_))));
        enough.get() > 20_000
    })?;
    let client = recording.client()?;
    let ended = recording.end()?;
    drop(client);
    let mut file = Vec::new();
    recording::write(&mut file, &ended.records)?;
    assert!(file.len() < 2_000_000, "{} bytes", file.len());
    assert!(ended.omitted > 0);
    let omitted = ended.records.iter().find_map(|record| match record {
        Record::Omitted { count, .. } => Some(*count),
        _ => None,
    });
    assert_eq!(omitted, Some(ended.omitted));
    assert_eq!(ended.code, Some(0));
    Ok(())
}

#[test]
fn una_señal_queda_apuntada() -> Outcome {
    if !has_python()? {
        return Ok(());
    }
    let mut recording = Recording::of(python("eco_select.py"));
    recording.call("que duerma", |call| call.took.is_none())?;
    recording.signal(Signal::SIGINT)?;
    let ended = recording.end()?;
    assert!(
        ended
            .records
            .iter()
            .any(|it| matches!(it, Record::Signal { signal, .. } if signal == "SIGINT"))
    );
    assert!(ended.records.iter().any(|it| matches!(it, Record::Exit { thread: 1, .. })));
    Ok(())
}
