//! Lo que las lecciones escriben con `--trace` se abre en la ventana, y cuenta lo mismo.

use std::path::Path;

use harness::{Conversation, Failure, Program, Signal, Step, Trace};
use ventana::open;
use ventana::recording::{Call, Record};

/// Arranca una lección, habla con ella, la termina y devuelve sus pasos y las llamadas que se abren.
fn opened(program: &str, options: &[&str], talk: Talk) -> Result<(Vec<Step>, Vec<Call>), Failure> {
    let trace = Trace::new();
    let options = options.iter().copied().chain(["--port", "0"]);
    let server = trace.of(Program::new(program).args(options)).start()?;
    talk(&Conversation::with(server.address()))?;
    trace.wait_for(&server, "que un cliente se fue", |step| {
        step.what() == "close" && step.client().is_some()
    })?;
    server.stop(Signal::SIGTERM)?;
    Ok((trace.steps()?, calls(trace.path())?))
}

type Talk = fn(&Conversation) -> Result<(), Failure>;

fn calls(file: &Path) -> Result<Vec<Call>, Failure> {
    let opened = open::open(file).map_err(|trouble| Failure::new(trouble.to_string()))?;
    assert_eq!(opened.warning, None);
    let calls = opened.records.into_iter().filter_map(|record| match record {
        Record::Call(call) => Some(*call),
        _ => None,
    });
    Ok(calls.collect())
}

/// Las llamadas dicen lo mismo que los pasos, en el mismo orden: cuál, sobre qué descriptor, de quién
/// y cuántos bytes.
fn agree((steps, calls): (Vec<Step>, Vec<Call>)) {
    let name = |step: &Step| match step.what() {
        "accept" => "accept4",
        "register" | "modify" => "epoll_ctl",
        "listen" => "listen",
        "read" => "read",
        "write" => "write",
        "shutdown" => "shutdown",
        "close" => "close",
        _ => "",
    };
    let told = steps.iter().filter(|step| !name(step).is_empty()).map(|step| {
        (name(step).to_owned(), step.number("fd"), step.client(), step.number("bytes"))
    });
    let seen = calls.iter().filter(|call| !["select", "epoll_wait"].contains(&call.call.as_str()));
    let seen = seen.map(|call| {
        let fd = match call.call.as_str() {
            "accept4" => call.result,
            "epoll_ctl" => call.target.as_ref().map(|target| target.fd.into()),
            _ => call.fd.map(i64::from),
        };
        let bytes = call.result.filter(|_| matches!(call.call.as_str(), "read" | "write"));
        let number = |it: Option<i64>| it.and_then(|it| u64::try_from(it).ok());
        (call.call.clone(), number(fd), call.client, number(bytes))
    });
    assert_eq!(seen.collect::<Vec<_>>(), told.collect::<Vec<_>>());
}

/// Cuántas veces despertó el bucle, según unos y otras.
fn wake_ups((steps, calls): &(Vec<Step>, Vec<Call>), wait: &str) -> (usize, usize) {
    let woke = steps.iter().filter(|step| step.what() == "wait" && step.field("result").is_some());
    let ended = calls.iter().filter(|call| call.call == wait && call.took.is_some());
    (woke.count(), ended.count())
}

#[test]
fn la_traza_de_los_hilos_se_abre() -> Result<(), Failure> {
    let found = opened(env!("CARGO_BIN_EXE_aplic_02_02"), &["--serve"], |echo| {
        let mut client = echo.peer("ana")?;
        client.send("hola")?;
        client.half_close()?;
        client.expect("hola")?;
        client.expect_end()
    })?;
    assert!(found.1.iter().any(|call| call.thread > 1), "lo atiende otro hilo");
    agree(found);
    Ok(())
}

#[test]
fn la_traza_del_chat_se_abre() -> Result<(), Failure> {
    let found = opened(env!("CARGO_BIN_EXE_aplic_02_03"), &["--name", "servidor"], |chat| {
        let mut client = Conversation::in_frames(chat.address()).peer("ana")?;
        client.send_frame("NAME: ana")?;
        client.next_frame()?;
        client.half_close()?;
        client.drain()
    })?;
    let (told, seen) = wake_ups(&found, "select");
    assert!(told > 0 && told == seen, "{told} y {seen}");
    agree(found);
    Ok(())
}

#[test]
fn la_traza_de_la_web_se_abre() -> Result<(), Failure> {
    let found = opened(env!("CARGO_BIN_EXE_aplic_02_04"), &[], |web| {
        let mut client = web.peer("ana")?;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        client.drain()
    })?;
    let (told, seen) = wake_ups(&found, "epoll_wait");
    assert!(told > 0 && told == seen, "{told} y {seen}");
    agree(found);
    Ok(())
}
