//! La ventana dice la verdad: lo que graba de cada lección, visto desde fuera, es lo que la lección
//! cuenta de sí misma con `--trace`.

#[path = "../lessons/02_06_inside/tests/recorder/recording.rs"]
mod recording;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use harness::{Failure, Step, Trace, frame};
use ventana::calls::family::{Family, family};
use ventana::recorder::Ended;
use ventana::recording::{Call, Record};

use recording::{Recording, calls};

type Outcome = Result<(), Failure>;

/// Lo que hizo cada hilo, por su nombre, en orden.
type Story = BTreeMap<String, Vec<String>>;

/// Graba una lección que además escribe su traza.
fn recorded(program: &str, arguments: &[&str], trace: &Trace) -> Recording {
    let mut words: Vec<std::ffi::OsString> = vec![program.into()];
    words.extend(arguments.iter().map(Into::into));
    words.extend(["--trace".into(), trace.path().into()]);
    Recording::of(words)
}

/// Un paso de la traza, si se corresponde con una llamada.
fn step(step: &Step) -> Option<String> {
    let number = |name: &str| step.number(name).unwrap_or_default();
    let (fd, client) = (number("fd"), step.client());
    Some(match (step.what(), client) {
        ("listen", _) => format!("listen {fd}"),
        ("accept", Some(client)) => format!("accept {fd} cliente {client}"),
        ("read" | "write", Some(client)) => match step.number("bytes") {
            Some(bytes) => format!("{} {fd} cliente {client}: {bytes}", step.what()),
            None => format!("{} {fd} cliente {client}: falla", step.what()),
        },
        ("shutdown", Some(client)) => format!("shutdown {fd} cliente {client}"),
        ("close", Some(client)) => format!("close {fd} cliente {client}"),
        ("register" | "modify", Some(_)) => {
            format!("{} {fd}: {}", step.what(), step.text("result").replace(" | ", "|"))
        }
        ("wait", _) => format!("wait {}", step.number("result")?),
        _ => return None,
    })
}

/// Una llamada de la grabación, si la traza la cuenta.
fn call(call: &Call) -> Option<String> {
    let moved = |verb: &str| {
        let (fd, client) = (call.fd?, call.client?);
        match (call.result, call.error.as_deref()) {
            (Some(bytes), _) => Some(format!("{verb} {fd} cliente {client}: {bytes}")),
            (_, Some("EAGAIN" | "ERESTART")) => None,
            _ => Some(format!("{verb} {fd} cliente {client}: falla")),
        }
    };
    let on_client = |verb: &str| Some(format!("{verb} {} cliente {}", call.fd?, call.client?));
    match family(&call.call) {
        Family::Listen => Some(format!("listen {}", call.fd?)),
        Family::Accept => Some(format!("accept {} cliente {}", call.result?, call.client?)),
        Family::Read => moved("read"),
        Family::Write => moved("write"),
        Family::Shutdown => on_client("shutdown"),
        Family::Close => on_client("close"),
        // La traza no cuenta que también vigila las señales.
        Family::Register => {
            call.client?;
            let target = call.target.as_ref()?;
            let verb = match call.how.as_deref()? {
                "ADD" => "register",
                "MOD" => "modify",
                _ => return None,
            };
            Some(format!("{verb} {}: {}", target.fd, target.events))
        }
        Family::Wait(_) => Some(format!("wait {}", call.result?)),
        _ => None,
    }
}

/// Lo que dice la traza.
fn told(trace: &Trace) -> Result<Story, Failure> {
    let mut story = Story::new();
    for one in trace.steps()? {
        if let Some(text) = step(&one) {
            story.entry(one.text("thread").to_owned()).or_default().push(text);
        }
    }
    Ok(story)
}

/// Lo que dice la grabación. El hilo 1 es el principal, y se llama como el programa.
fn seen(ended: &Ended) -> Story {
    let mut names = BTreeMap::from([(1, "main".to_owned())]);
    for record in &ended.records {
        if let Record::Thread { thread, name: Some(name), .. } = record
            && *thread != 1
        {
            names.insert(*thread, name.clone());
        }
    }
    let mut story = Story::new();
    for one in calls(&ended.records) {
        if let Some(text) = call(one) {
            let name = names.get(&one.thread).cloned().unwrap_or_default();
            story.entry(name).or_default().push(text);
        }
    }
    story
}

fn without(mut story: Story, verbs: &[&str]) -> Story {
    for steps in story.values_mut() {
        steps.retain(|step| !verbs.iter().any(|verb| step.starts_with(verb)));
    }
    story.retain(|_, steps| !steps.is_empty());
    story
}

#[test]
fn el_chat_hizo_lo_que_dice_que_hizo() -> Outcome {
    let trace = Trace::new();
    let program = env!("CARGO_BIN_EXE_aplic_02_03");
    let mut recording = recorded(program, &["--name", "servidor", "--port", "0"], &trace);
    let mut ana = recording.client()?;
    ana.write_all(&frame::encode("NAME: ana"))?;
    ana.read_exact(&mut [0; 4])?;
    let mut beto = recording.client()?;
    // En dos trozos: el primero no llega a ser un marco.
    let name = frame::encode("NAME: beto");
    beto.write_all(&name[..6])?;
    recording.call("la primera mitad", |call| call.client == Some(2) && call.result == Some(6))?;
    beto.write_all(&name[6..])?;
    beto.read_exact(&mut [0; 4])?;
    ana.write_all(&frame::encode("hola"))?;
    // Beto se va cuando ya se le ha dicho, y no a medias.
    recording.call("que se lo diga a Beto", |call| {
        call.client == Some(2) && call.result == Some(27) && call.call == "sendto"
    })?;
    drop(beto);
    recording.call("que cierre a Beto", |call| call.client == Some(2) && call.call == "close")?;
    // Y Ana, cuando ya se le ha dicho que se fue.
    let farewell = frame::encode("(Desconectado: cliente beto@127.0.0.1)").len();
    recording.call("que se lo diga a Ana", |call| {
        call.client == Some(1)
            && call.result.is_some_and(|count| usize::try_from(count) == Ok(farewell))
            && call.call == "sendto"
    })?;
    drop(ana);
    recording.call("que cierre a Ana", |call| call.client == Some(1) && call.call == "close")?;
    let ended = recording.stop()?;
    assert_eq!(ended.code, Some(0));
    assert_eq!(seen(&ended), told(&trace)?);
    Ok(())
}

#[test]
fn la_web_hizo_lo_que_dice_que_hizo() -> Outcome {
    let trace = Trace::new();
    let mut recording = recorded(env!("CARGO_BIN_EXE_aplic_02_04"), &["--port", "0"], &trace);
    let mut client = recording.client()?;
    client.write_all(b"GET / HTTP/1.1\r\nHost: ")?;
    recording.call("la primera mitad", |call| call.client == Some(1) && call.bytes.is_some())?;
    client.write_all(b"curso\r\nConnection: close\r\n\r\n")?;
    client.read_to_end(&mut Vec::new())?;
    drop(client);
    recording.call("que lo cierre", |call| call.client == Some(1) && call.call == "close")?;
    let ended = recording.stop()?;
    assert_eq!(ended.code, Some(0));
    assert_eq!(seen(&ended), told(&trace)?);
    Ok(())
}

#[test]
fn cada_hilo_hizo_lo_que_dice_que_hizo() -> Outcome {
    let trace = Trace::new();
    let program = env!("CARGO_BIN_EXE_aplic_02_02");
    let mut recording = recorded(program, &["--serve", "--port", "0"], &trace);
    let (mut ana, mut beto) = (recording.client()?, recording.client()?);
    for client in [&mut beto, &mut ana] {
        client.write_all(b"hola")?;
        client.read_exact(&mut [0; 4])?;
    }
    for (number, client) in [(1, ana), (2, beto)] {
        recording.call("que duerma en su lectura", |call| {
            call.client == Some(number) && call.took.is_none() && call.call == "recvfrom"
        })?;
        drop(client);
        recording
            .call("que lo cierre", |call| call.client == Some(number) && call.call == "close")?;
    }
    let ended = recording.stop()?;
    assert_eq!(ended.code, Some(0));
    // Cómo espera a que llame alguien es cosa suya: no lo cuenta.
    let seen = without(seen(&ended), &["wait"]);
    assert!(seen.contains_key("cliente-1") && seen.contains_key("cliente-2"), "{seen:?}");
    assert_eq!(seen, told(&trace)?);
    Ok(())
}
