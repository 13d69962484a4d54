//! Una grabación en marcha: arranca el servidor, ve lo que se apunta según se apunta, lo termina.

use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use harness::Failure;
use multiplexacion::cli::Trouble;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ventana::recorder::{self, Ended, Options};
use ventana::recording::{Call, Record};

/// Lo que se espera, como mucho, a que algo se apunte.
const LIMIT: Duration = Duration::from_secs(60);

/// Una grabación en marcha.
pub(crate) struct Recording {
    recorder: Option<JoinHandle<Result<Ended, Trouble>>>,
    arriving: Receiver<Record>,
    seen: Vec<Record>,
    /// Donde el servidor apunta su número de proceso.
    pid: PathBuf,
}

impl Recording {
    /// Graba `words`. Lo que escriba el servidor no se mira.
    pub(crate) fn of<Word: Into<OsString>>(words: impl IntoIterator<Item = Word>) -> Recording {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let pid = std::env::temp_dir().join(format!("ventana_{}_{number}.pid", process::id()));
        let script = "echo $$ > \"$0\"; exec \"$@\" < /dev/null > /dev/null 2>&1";
        // Lo que se arranca en segundo plano hereda SIGINT sin efecto.
        let mut command: Vec<OsString> =
            ["env", "--default-signal", "sh", "-c", script].map(OsString::from).to_vec();
        command.push(pid.clone().into());
        command.extend(words.into_iter().map(Into::into));
        let (sender, arriving) = mpsc::channel();
        let recorder = thread::spawn(move || {
            recorder::record(&command, &Options::default(), |record| {
                let _ = sender.send(record.clone());
            })
        });
        Recording { recorder: Some(recorder), arriving, seen: Vec::new(), pid }
    }

    /// Espera a que se apunte algo así, o a que se haya apuntado. `what` completa «se esperaba…».
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        wanted: impl Fn(&Record) -> bool,
    ) -> Result<Record, Failure> {
        if let Some(found) = self.seen.iter().find(|record| wanted(record)) {
            return Ok(found.clone());
        }
        while let Ok(record) = self.arriving.recv_timeout(LIMIT) {
            self.seen.push(record.clone());
            if wanted(&record) {
                return Ok(record);
            }
        }
        let last = self.seen.last();
        Err(Failure::new(format!("Se esperaba {what}; lo último que se apuntó: {last:?}.")))
    }

    /// Espera una llamada así, terminada o no.
    pub(crate) fn call(
        &mut self,
        what: &str,
        wanted: impl Fn(&Call) -> bool,
    ) -> Result<Call, Failure> {
        let is = |record: &Record| matches!(record, Record::Call(call) if wanted(call));
        match self.wait_for(what, is)? {
            Record::Call(call) => Ok(*call),
            other => Err(Failure::new(format!("No es una llamada: {other:?}."))),
        }
    }

    /// La dirección en la que escucha.
    pub(crate) fn address(&mut self) -> Result<SocketAddr, Failure> {
        let listening = self.call("que escuche", |call| call.call == "listen")?;
        let address = listening.local.and_then(|local| local.parse().ok());
        address.ok_or_else(|| Failure::new("No se sabe dónde escucha."))
    }

    /// Un cliente suyo.
    pub(crate) fn client(&mut self) -> Result<TcpStream, Failure> {
        let client = TcpStream::connect(self.address()?)?;
        client.set_read_timeout(Some(LIMIT))?;
        Ok(client)
    }

    /// Le manda una señal al servidor.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let text = fs::read_to_string(&self.pid)?;
        let pid =
            text.trim().parse().map_err(|_| Failure::new(format!("No es un número: {text}.")))?;
        kill(Pid::from_raw(pid), signal).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Lo termina con SIGTERM, y espera.
    pub(crate) fn stop(mut self) -> Result<Ended, Failure> {
        self.signal(Signal::SIGTERM)?;
        self.end()
    }

    /// Espera a que termine.
    pub(crate) fn end(&mut self) -> Result<Ended, Failure> {
        let over = || self.recorder.as_ref().is_none_or(JoinHandle::is_finished);
        harness::eventually("terminara el servidor que se graba", LIMIT, over)?;
        let recorder = self.recorder.take().ok_or_else(|| Failure::new("Ya terminó."))?;
        let ended = recorder.join().map_err(|_| Failure::new("La grabadora entró en pánico."))?;
        ended.map_err(|trouble| Failure::new(trouble.to_string()))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.recorder.is_some() {
            let _ = self.signal(Signal::SIGKILL);
        }
        let _ = fs::remove_file(&self.pid);
    }
}

/// Las llamadas que terminaron, en orden.
pub(crate) fn calls(records: &[Record]) -> impl Iterator<Item = &Call> {
    records.iter().filter_map(|record| match record {
        Record::Call(call) if call.took.is_some() => Some(&**call),
        _ => None,
    })
}
