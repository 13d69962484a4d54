//! Un redis, varios servidores y HAProxy, en puertos que nadie más ocupará.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use harness::{Conversation, Failure, Peer, Port, Program, Running, Server, Signal, chat};
use tempfile::TempDir;
use varias_maquinas::balancer::{self, SOURCE, State};

use crate::common::programs::haproxy;
use crate::common::{Redis, has_redis};
use crate::{LIMIT, Outcome};

/// Lo que vive un servidor sin dar señales: poco, para no esperar mucho; pero más de lo que tarda en
/// tocarle el turno en una máquina ocupada.
const LEASE: &str = "2";

/// La casa entera. Al soltarla no queda nada.
pub(crate) struct House {
    pub(crate) redis: Redis,
    slots: Vec<Slot>,
    entrance: Port,
    folder: TempDir,
    pub(crate) haproxy: Running,
}

struct Slot {
    port: Port,
    server: RefCell<Option<Server>>,
}

impl House {
    /// Con tantos servidores, y un redis que escribe en el disco antes de contestar; `None` si aquí
    /// falta con qué.
    pub(crate) fn open(servers: usize) -> Result<Option<House>, Failure> {
        House::around(Redis::durable, servers)
    }

    /// Con ese redis.
    pub(crate) fn around(
        redis: fn() -> Result<Redis, Failure>,
        servers: usize,
    ) -> Result<Option<House>, Failure> {
        let Some(haproxy) = haproxy()? else { return Ok(None) };
        if !has_redis()? {
            return Ok(None);
        }
        let redis = redis()?;
        let slots: Vec<Slot> = (0..servers)
            .map(|_| Ok(Slot { port: Port::reserve()?, server: RefCell::default() }))
            .collect::<Result<_, Failure>>()?;
        let (entrance, folder) = (Port::reserve()?, TempDir::new()?);
        let addresses: Vec<SocketAddr> = slots.iter().map(|slot| slot.port.address()).collect();
        let orders = folder.path().join("ordenes.sock");
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, balancer::configuration(entrance.address(), &orders, &addresses))?;
        let haproxy = Program::new(haproxy)
            .args(["-W".into(), "-db".into(), "-q".into(), "-f".into(), file.into_os_string()])
            .spawn()?;
        let house = House { redis, slots, entrance, folder, haproxy };
        (1..=servers).try_for_each(|number| house.start(number))?;
        Ok(Some(house))
    }

    fn orders(&self) -> PathBuf {
        Path::join(self.folder.path(), "ordenes.sock")
    }

    /// Arranca el servidor `number`, desde 1, y espera a que el balanceador cuente con él.
    pub(crate) fn start(&self, number: usize) -> Outcome {
        let slot = &self.slots[number - 1];
        let server = Program::new(env!("CARGO_BIN_EXE_aplic_02_07"))
            .args(["--name", "servidor", "--port", &slot.port.number()])
            .args(["--broker", &self.redis.url(), "--proxy", SOURCE, "--lease", LEASE])
            .start()?;
        slot.server.replace(Some(server));
        self.counts_on(number)
    }

    pub(crate) fn counts_on(&self, number: usize) -> Outcome {
        let what = format!("el balanceador contara con el servidor {number}");
        self.haproxy
            .eventually(&what, LIMIT, || balancer::is_up(&self.orders(), number).unwrap_or(false))
    }

    pub(crate) fn gives_up_on(&self, number: usize) -> Outcome {
        let what = format!("el balanceador dejara de contar con el servidor {number}");
        self.haproxy.eventually(&what, LIMIT, || {
            balancer::is_up(&self.orders(), number).is_ok_and(|up| !up)
        })
    }

    pub(crate) fn set_state(&self, number: usize, state: State) -> Outcome {
        Ok(balancer::set_state(&self.orders(), number, state)?)
    }

    /// Hace algo con el proceso del servidor `number`.
    pub(crate) fn with<T>(
        &self,
        number: usize,
        action: impl FnOnce(&Server) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let slot = self.slots[number - 1].server.borrow();
        action(slot.as_ref().ok_or_else(|| Failure::new("Ese servidor no está en marcha."))?)
    }

    /// Lo mata sin avisar, y espera a que no esté.
    pub(crate) fn kill(&self, number: usize) -> Outcome {
        self.with(number, |server| server.stop(Signal::SIGKILL).map(drop))
    }

    /// Lo sustituye como es debido: que no le manden a nadie, que se despida, y otro en su sitio.
    pub(crate) fn replace(&self, number: usize) -> Outcome {
        self.set_state(number, State::Drain)?;
        let exit = self.with(number, |server| server.stop(Signal::SIGTERM))?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
        self.set_state(number, State::Ready)?;
        self.start(number)
    }

    /// Por dónde se entra.
    pub(crate) fn entrance(&self) -> SocketAddr {
        self.entrance.address()
    }

    pub(crate) fn talk(&self) -> Conversation {
        Conversation::in_frames(self.entrance()).limit(LIMIT)
    }

    /// Hace entrar a alguien de modo que le toque el servidor `number`: los demás no reciben a nadie
    /// mientras tanto.
    pub(crate) fn through<T>(
        &self,
        number: usize,
        enter: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let others = || (1..=self.slots.len()).filter(|other| *other != number);
        others().try_for_each(|other| self.set_state(other, State::Drain))?;
        let entered = enter()?;
        others().try_for_each(|other| self.set_state(other, State::Ready))?;
        Ok(entered)
    }

    /// Alguien del arnés, en el servidor `number`.
    pub(crate) fn member(&self, number: usize, name: &str) -> Result<Peer, Failure> {
        self.through(number, || chat::join(&self.talk(), name))
    }
}
