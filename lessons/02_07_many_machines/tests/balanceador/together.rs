//! «juntos», de principio a fin.

use std::fs;
use std::path::PathBuf;

use harness::{Conversation, Failure, Program, Server, Signal, Stream, chat};

use crate::clients::{BACK, client, comes_back, count};
use crate::common::has_redis;
use crate::common::programs::haproxy;
use crate::{LIMIT, Outcome};

struct Together {
    server: Server,
    folder: tempfile::TempDir,
}

/// En marcha, con dos servidores y una carpeta de archivos temporales para él solo.
fn together() -> Result<Option<Together>, Failure> {
    if haproxy()?.is_none() || !has_redis()? {
        return Ok(None);
    }
    let folder = tempfile::TempDir::new()?;
    let running = program(&folder).args(["--servidores", "2", "--port", "0"]).start()?;
    Ok(Some(Together { server: running, folder }))
}

fn program(folder: &tempfile::TempDir) -> Program {
    // Lo compila cargo, que es quien ejecuta esta prueba.
    Program::new(env!("CARGO_BIN_EXE_juntos")).env("CARGO", "").env("TMPDIR", folder.path())
}

impl Together {
    /// El proceso de quien se llama así, según la tabla.
    fn pid(&self, who: &str) -> Result<i32, Failure> {
        let line = self.server.wait_for_line(Stream::Stdout, who, LIMIT)?;
        let last = line.split_whitespace().last().and_then(|word| word.parse().ok());
        last.ok_or_else(|| Failure::new(format!("Sin proceso: {line}")))
    }

    fn kill(&self, who: &str) -> Outcome {
        let pid = nix::unistd::Pid::from_raw(self.pid(who)?);
        Ok(nix::sys::signal::kill(pid, Signal::SIGKILL).map_err(std::io::Error::from)?)
    }

    fn says(&self, text: &str) -> Outcome {
        self.server.wait_for_line(Stream::Stdout, text, LIMIT).map(drop)
    }

    /// Los procesos de su tabla.
    fn pids(&self) -> Result<Vec<i32>, Failure> {
        ["intermediario", "servidor 1", "servidor 2", "balanceador"]
            .iter()
            .map(|who| self.pid(who))
            .collect()
    }
}

fn alive(pid: i32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

fn nobody_is_left(pids: &[i32]) -> Outcome {
    harness::eventually("no quedara ninguno", LIMIT, || pids.iter().all(|pid| !alive(*pid)))
}

#[test]
fn repone_a_quien_muere_y_al_terminar_no_deja_nada() -> Outcome {
    let Some(together) = together()? else { return Ok(()) };
    let talk = Conversation::in_frames(together.server.address()).limit(LIMIT);
    let mut witness = chat::join(&talk, "testigo")?;
    let ana = client("ana", together.server.address())?;
    witness.expect_frame("(Conectado: nuevo cliente (2) desde ana@127.0.0.1)")?;
    let pids = together.pids()?;
    for who in ["servidor 1", "servidor 2"] {
        together.kill(who)?;
        together.says(&format!("El {who} terminó por SIGKILL. Arranco otro."))?;
        together.says(&format!("Hay otro {who} en"))?;
    }
    comes_back(&ana, 0)?;
    together.kill("intermediario")?;
    together.says("Hay otro intermediario en")?;
    together.kill("balanceador")?;
    together.says("Hay otro balanceador en")?;
    ana.eventually("volviera", LIMIT, || count(&ana, BACK) >= 2)?;
    let exit = together.server.stop(Signal::SIGINT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    nobody_is_left(&pids)?;
    assert_eq!(fs::read_dir(together.folder.path())?.count(), 0, "quedó su carpeta");
    Ok(())
}

#[test]
fn drenar_sustituye_un_servidor() -> Outcome {
    let Some(together) = together()? else { return Ok(()) };
    together.server.write_stdin("drenar 7\nbailar\ndrenar 1\n");
    together.says("No hay ningún servidor 7.")?;
    together.says("No conozco «bailar»")?;
    together.says("El servidor 1 ya no recibe a nadie")?;
    together.says("El servidor 1 terminó con código 0. Arranco otro.")?;
    together.says("Hay otro servidor 1 en")?;
    together.server.write_stdin("salir\n");
    let exit = together.server.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}

#[test]
fn si_lo_matan_sus_hijos_mueren_con_él() -> Outcome {
    let Some(together) = together()? else { return Ok(()) };
    let pids = together.pids()?;
    together.server.stop(Signal::SIGKILL)?;
    nobody_is_left(&pids)
}

#[test]
fn con_sigterm_tampoco_deja_nada() -> Outcome {
    let Some(together) = together()? else { return Ok(()) };
    let pids = together.pids()?;
    assert_eq!(together.server.stop(Signal::SIGTERM)?.code, Some(0));
    nobody_is_left(&pids)?;
    assert_eq!(fs::read_dir(together.folder.path())?.count(), 0);
    Ok(())
}

#[test]
fn un_puerto_ocupado_se_dice_en_una_línea() -> Outcome {
    let Some(together) = together()? else { return Ok(()) };
    let port = together.server.address().port().to_string();
    let exit = program(&together.folder).args(["--port", &port]).run_to_end("", LIMIT)?;
    assert!(exit.complaint(1)?.contains("otro programa ya escucha en"), "{exit}");
    Ok(())
}

#[test]
fn sin_lo_que_hace_falta_dice_qué_instalar() -> Outcome {
    let folder = tempfile::TempDir::new()?;
    let exit = program(&folder).env("PATH", "/ninguna").run_to_end("", LIMIT)?;
    let complaint = exit.complaint(1)?;
    assert!(complaint.starts_with("juntos: no se puede arrancar sin redis-server"), "{exit}");
    assert!(complaint.contains("sudo apt-get install redis-server"), "{exit}");
    Ok(())
}
