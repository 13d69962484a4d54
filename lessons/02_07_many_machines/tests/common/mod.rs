//! Un redis de verdad para cada prueba, y servidores que lo comparten.

#![allow(dead_code, reason = "cada prueba usa una parte")]

pub(crate) mod cable;
pub(crate) mod programs;

use std::cell::RefCell;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use harness::{Conversation, DEFAULT_LIMIT, Failure, Port, Program, Running, Server, tools};

/// El programa de la lección.
pub(crate) fn server() -> Program {
    Program::new(env!("CARGO_BIN_EXE_aplic_02_07")).args(["--name", "servidor", "--port", "0"])
}

/// Si hay un redis que usar. Si no, lo dice.
pub(crate) fn has_redis() -> Result<bool, Failure> {
    tools::available("redis-server", "el chat en varios servidores")
}

/// Escribe en disco antes de contestar: aunque muera, no olvida.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Un redis en un puerto y una carpeta para él solo.
pub(crate) struct Redis {
    pub(crate) address: SocketAddr,
    _port: Port,
    folder: PathBuf,
    options: Vec<String>,
    running: RefCell<Option<Running>>,
}

impl Redis {
    /// Uno que solo recuerda mientras vive: en un disco ocupado, cada escritura se nota.
    pub(crate) fn start() -> Result<Redis, Failure> {
        Redis::with(&[])
    }

    /// Uno al que se puede matar.
    pub(crate) fn durable() -> Result<Redis, Failure> {
        Redis::with(&DURABLE)
    }

    pub(crate) fn with(options: &[&str]) -> Result<Redis, Failure> {
        let redis = Redis::absent(options)?;
        redis.restart()?;
        Ok(redis)
    }

    /// Uno que aún no está en marcha.
    pub(crate) fn absent(options: &[&str]) -> Result<Redis, Failure> {
        let port = Port::reserve()?;
        let address = port.address();
        let folder = std::env::temp_dir().join(format!("varias-maquinas-{}", address.port()));
        fs::create_dir_all(&folder)?;
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Ok(Redis { address, _port: port, folder, options, running: RefCell::default() })
    }

    /// Lo arranca, o lo vuelve a arrancar, y espera a que acepte conexiones.
    pub(crate) fn restart(&self) -> Result<(), Failure> {
        let redis = Program::new("redis-server")
            .args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--dir".into(), self.folder.clone().into_os_string()])
            .args(["--save", ""])
            .args(self.options.clone())
            .spawn()?;
        redis.eventually("redis escuchara", DEFAULT_LIMIT, || {
            TcpStream::connect(self.address).is_ok()
        })?;
        self.running.replace(Some(redis));
        Ok(())
    }

    /// Lo que contesta a una orden, como lo enseña `redis-cli`.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String, Failure> {
        let exit = Program::new("redis-cli")
            .args(["--no-raw", "-p", &self.address.port().to_string()])
            .args(arguments.iter().copied())
            .run_to_end("", DEFAULT_LIMIT)?;
        Ok(exit.stdout)
    }

    /// El proceso.
    pub(crate) fn with_process<T>(&self, action: impl FnOnce(&Running) -> T) -> Option<T> {
        self.running.borrow().as_ref().map(action)
    }

    /// Lo mata, sin avisar.
    pub(crate) fn kill(&self) {
        drop(self.running.take());
    }

    /// Pierde lo que había escrito. Ha de estar detenido.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        fs::remove_dir_all(&self.folder)?;
        Ok(fs::create_dir_all(&self.folder)?)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Un servidor más que lo comparte. Vive sin latir lo que en una máquina ocupada basta para latir.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        self.server_with(&["--lease", "2"])
    }

    pub(crate) fn server_with(&self, options: &[&str]) -> Result<Server, Failure> {
        server().args(["--broker", &self.url()]).args(options.iter().copied()).start()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        // Si no se puede borrar, queda una carpeta en la de los archivos temporales.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Una conversación con ese servidor.
pub(crate) fn talk(server: &Server) -> Conversation {
    Conversation::in_frames(server.address())
}
