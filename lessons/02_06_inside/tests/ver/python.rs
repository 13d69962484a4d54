//! Un programa de Python dice desde qué línea llama, y no se entera.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use harness::{Conversation, Exit, Failure, Program, Signal};
use tempfile::TempDir;
use ventana::recording::{Call, Place, Record};

use crate::{LIMIT, ver};

const SERVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers");

/// Si aquí se puede grabar un programa de Python.
fn possible() -> Result<bool, Failure> {
    prose::possible(["strace", "python3"], "«cargo ver -- python3»")
}

/// El número de la línea de `lineas.py` que dice eso.
fn line(saying: &str) -> Result<Option<u32>, Failure> {
    let text = fs::read_to_string(format!("{SERVERS}/lineas.py"))?;
    let found = text.lines().position(|line| line.contains(saying));
    Ok(found.and_then(|place| u32::try_from(place + 1).ok()))
}

fn read(file: &Path) -> Result<Vec<Record>, Failure> {
    let lines = BufReader::new(fs::File::open(file)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?).unwrap())).collect()
}

/// Graba una conversación con el servidor que arrancan esas palabras.
fn recorded(words: &[&str]) -> Result<Vec<Record>, Failure> {
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let options = ["--json", json.to_str().unwrap(), "--"];
    let running =
        ver(options.into_iter().chain(words.iter().copied())).env("PYTHONPATH", SERVERS).spawn()?;
    let server = running.announced(LIMIT)?;
    let mut client = Conversation::with(server).limit(LIMIT).peer("ana")?;
    client.send("hola\n")?;
    client.expect("hola\n")?;
    client.half_close()?;
    client.expect_end()?;
    running.stop(Signal::SIGINT)?;
    read(&json)
}

/// Desde dónde se hizo la primera llamada que se llame así, y de ese hilo.
fn places<'a>(records: &'a [Record], name: &str, thread: u32) -> &'a [Place] {
    let wanted = |call: &&Call| call.call.contains(name) && call.thread == thread;
    let calls = records.iter().filter_map(|record| match record {
        Record::Call(call) => Some(&**call),
        _ => None,
    });
    calls.filter(wanted).map(|call| &call.at[..]).next().unwrap_or_default()
}

#[test]
fn cada_llamada_de_python_sale_de_su_línea_también_en_otro_hilo() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let script = format!("{SERVERS}/lineas.py");
    for words in [&["python3", &script][..], &["python3", "-u", "-m", "lineas"]] {
        let records = recorded(words)?;
        let made = [
            ("socket", 1, "socket.create_server", "main"),
            ("listen", 1, "socket.create_server", "main"),
            ("select", 1, "select.select(", "serve"),
            ("accept", 1, "listener.accept()", "serve"),
            ("recv", 2, "client.recv(", "echo"),
            ("send", 2, "client.sendall(", "echo"),
            ("close", 2, "client.close()", "echo"),
        ];
        for (call, thread, saying, function) in made {
            let at = places(&records, call, thread);
            let first = at.first().unwrap_or_else(|| panic!("{call}, con {words:?}: {records:?}"));
            assert_eq!(first.line, line(saying)?, "{call}, con {words:?}");
            assert_eq!(first.function.as_deref(), Some(function), "{call}");
            assert!(first.file.as_deref().unwrap().ends_with("servers/lineas.py"), "{first:?}");
        }
        // Y quién llamó a esa función.
        let callers = places(&records, "accept", 1)[1..].iter();
        let callers: Vec<_> = callers.map(|it| (it.function.as_deref(), it.line)).collect();
        let caller = (Some("main"), line("    serve(listener)")?);
        assert_eq!(callers, [caller, (None, line("main()  # Aquí empieza")?)]);
        let sources = records.iter().filter(|record| matches!(record, Record::Source { .. }));
        assert_eq!(sources.count(), 1);
    }
    Ok(())
}

#[test]
fn sin_código_no_se_pregunta() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let script = format!("{SERVERS}/lineas.py");
    let words = ["--sin-codigo", "--json", json.to_str().unwrap(), "--", "python3", &script];
    let running = ver(words).spawn()?;
    running.announced(LIMIT)?;
    running.stop(Signal::SIGINT)?;
    assert_eq!(places(&read(&json)?, "listen", 1), []);
    Ok(())
}

/// Lo que dice `entorno.py`, ejecutado con esas palabras: a solas, y mientras se graba.
fn both(words: &[&str], before: Option<&Path>) -> Result<(Exit, Exit), Failure> {
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let with = |program: Program| match before {
        Some(folder) => program.env("PYTHONPATH", folder).run_to_end("", LIMIT),
        None => program.run_to_end("", LIMIT),
    };
    let alone = with(Program::new("/usr/bin/env").args(words.iter().copied()).without_stdin())?;
    let options = ["--json", json.to_str().unwrap(), "--"];
    let watched = with(ver(options.into_iter().chain(words.iter().copied())))?;
    Ok((alone, watched))
}

#[test]
fn el_programa_ve_lo_mismo_que_sin_ventana_y_sus_hijos_también() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let script = format!("{SERVERS}/entorno.py");
    let own = TempDir::new()?;
    fs::write(own.path().join("sitecustomize.py"), "print('preparado', __file__)\n")?;
    let none = TempDir::new()?;
    for before in [Some(own.path()), Some(none.path()), None] {
        for options in [&[][..], &["-I"], &["-S", "-u"], &["-E"]] {
            let words: Vec<_> =
                ["python3"].iter().chain(options).copied().chain([script.as_str()]).collect();
            let (alone, watched) = both(&words, before)?;
            assert_eq!(alone.stdout, watched.stdout, "{words:?}");
            assert_eq!(alone.code, Some(3), "{alone}");
            let kept = watched.stderr.lines().filter(|line| !line.starts_with("ver: "));
            assert_eq!(kept.collect::<Vec<_>>(), alone.stderr.lines().collect::<Vec<_>>());
            let prepared = alone.stdout.starts_with("preparado");
            let expected = before == Some(own.path()) && options.is_empty();
            assert_eq!(prepared, expected, "{alone}");
        }
    }
    Ok(())
}

#[test]
fn un_guion_que_pide_python_en_su_primera_línea_también_dice_la_suya() -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let script = folder.path().join("eco");
    let text = fs::read_to_string(format!("{SERVERS}/lineas.py"))?;
    fs::write(&script, format!("#!/usr/bin/env python3\n{text}"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let records = recorded(&[script.to_str().unwrap()])?;
    let at = places(&records, "recv", 2);
    assert_eq!(at[0].line, line("client.recv(")?.map(|it| it + 1));
    Ok(())
}

#[test]
fn quien_pone_su_propio_perfil_gana() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let script = folder.path().join("perfil.py");
    let text = fs::read_to_string(format!("{SERVERS}/lineas.py"))?;
    let own = "import sys, threading\nsys.setprofile(None)\nthreading.setprofile(None)\n";
    fs::write(&script, format!("{own}{text}"))?;
    let records = recorded(&["python3", script.to_str().unwrap()])?;
    assert_eq!(places(&records, "recv", 2), []);
    Ok(())
}
