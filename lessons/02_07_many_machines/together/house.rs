//! La casa entera: el intermediario, los servidores y el balanceador, dónde está cada uno y cómo se
//! arranca.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::Port;
use multiplexacion::backoff::Backoff;
use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors::reason;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use varias_maquinas::balancer::{self, SOURCE, State};

use crate::process::{self, Process};
use crate::tools::Tools;

/// Quién es cada cual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Broker,
    Server(usize),
    Balancer,
}

impl Role {
    fn name(self) -> String {
        match self {
            Role::Broker => "intermediario".to_owned(),
            Role::Server(number) => format!("servidor {number}"),
            Role::Balancer => "balanceador".to_owned(),
        }
    }
}

/// Uno de la casa. Si muere, se arranca otro igual, en el mismo sitio.
struct Tenant {
    role: Role,
    address: SocketAddr,
    process: Option<Process>,
    /// Cuánto se espera antes de arrancarlo otra vez: uno que muere nada más nacer no debe ocupar el
    /// procesador.
    waits: Backoff,
    /// Cuándo toca.
    again: Option<Instant>,
    /// Se le pidió terminar para poner otro en su sitio.
    draining: bool,
}

/// Todos.
pub(crate) struct House {
    tools: Tools,
    server: PathBuf,
    folder: TempDir,
    /// Que nadie ocupe el puerto de quien muere mientras llega el siguiente.
    ports: Vec<Port>,
    tenants: Vec<Tenant>,
}

impl House {
    /// Arranca todo, en el orden en que se necesitan. Errores: algo no arranca; lo que sí, se termina.
    pub(crate) fn open(
        tools: Tools,
        server: PathBuf,
        entrance: SocketAddr,
        servers: usize,
    ) -> Result<House, Trouble> {
        let folder = tempfile::Builder::new().prefix("juntos-").tempdir()?;
        let mut house = House { tools, server, folder, ports: Vec::new(), tenants: Vec::new() };
        let broker = house.reserve()?;
        house.tenants.push(Tenant::new(Role::Broker, broker));
        for number in 1..=servers {
            let address = house.reserve()?;
            house.tenants.push(Tenant::new(Role::Server(number), address));
        }
        let entrance = if entrance.port() == 0 { house.reserve()? } else { entrance };
        house.tenants.push(Tenant::new(Role::Balancer, entrance));
        (0..house.tenants.len()).try_for_each(|index| house.start(index))?;
        house.wait_for_the_balancer()?;
        Ok(house)
    }

    fn reserve(&mut self) -> Result<SocketAddr, Trouble> {
        let port = Port::reserve()
            .map_err(|_| Trouble::new("el sistema no da un puerto", "cierra otros programas"))?;
        let address = port.address();
        self.ports.push(port);
        Ok(address)
    }

    /// Dónde se entra.
    pub(crate) fn entrance(&self) -> SocketAddr {
        self.tenants[self.tenants.len() - 1].address
    }

    /// Quién está dónde, en una tabla.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<14} {:<22} {}", "quién", "dónde", "proceso");
        for tenant in &self.tenants {
            let name = tenant.role.name();
            let pid = tenant.process.as_ref().map_or(String::new(), |one| one.pid().to_string());
            let address = tenant.address.to_string();
            // Escribir en un `String` no falla.
            let _ = write!(text, "\n{name:<14} {address:<22} {pid}");
        }
        text
    }

    /// Cuándo hay que volver a mirar, aunque no muera nadie.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.tenants.iter().filter_map(|tenant| tenant.again).min()
    }

    /// Alguien murió, o toca arrancar a alguien.
    pub(crate) fn look_around(&mut self) {
        for index in 0..self.tenants.len() {
            if let Some(how) = self.tenants[index].found_dead() {
                let name = self.tenants[index].role.name();
                let _ = cli::say(&format!("El {name} terminó {how}. Arranco otro."));
            }
            if self.tenants[index].again.is_some_and(|moment| moment <= Instant::now()) {
                self.start_again(index);
            }
        }
    }

    fn start_again(&mut self, index: usize) {
        self.tenants[index].again = None;
        if let Err(trouble) = self.start(index) {
            cli::complain(&format!("juntos: {trouble}"));
            self.tenants[index].later();
            return;
        }
        let tenant = &mut self.tenants[index];
        let drained = std::mem::take(&mut tenant.draining);
        let pid = tenant.process.as_ref().map_or(0, Process::pid);
        let (name, address) = (tenant.role.name(), tenant.address);
        if let (true, Role::Server(number)) = (drained, tenant.role) {
            self.tell_the_balancer(number, State::Ready);
        }
        let _ = cli::say(&format!("Hay otro {name} en {address}: el proceso {pid}."));
    }

    /// Sustituye el servidor `number`: primero deja de recibir gente, después avisa y cierra, y en su
    /// sitio se arranca otro.
    pub(crate) fn drain(&mut self, number: usize) {
        let found = self.tenants.iter().position(|tenant| tenant.role == Role::Server(number));
        let Some(index) = found else {
            let _ = cli::say(&format!("No hay ningún servidor {number}."));
            return;
        };
        self.tell_the_balancer(number, State::Drain);
        let tenant = &mut self.tenants[index];
        tenant.draining = true;
        if let Some(process) = &mut tenant.process {
            process.signal(Signal::SIGTERM);
            let _ = cli::say(&format!(
                "El servidor {number} ya no recibe a nadie, y corta la conexión de los que tiene: volverán por otro."
            ));
        }
    }

    fn tell_the_balancer(&self, number: usize, state: State) {
        if let Err(error) = balancer::set_state(&self.orders(), number, state) {
            cli::complain(&format!("juntos: el balanceador no atiende: {}.", reason(&error)));
        }
    }

    /// Los termina a todos, en orden: primero los servidores, que se despiden por el intermediario.
    pub(crate) fn close(mut self) {
        let servers = |tenant: &&mut Tenant| matches!(tenant.role, Role::Server(_));
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            self.tenants.iter_mut().filter(servers).for_each(|tenant| tenant.signal(signal));
        }
        self.tenants.iter_mut().filter(servers).for_each(Tenant::wait);
        for tenant in self.tenants.iter_mut().rev() {
            tenant.signal(Signal::SIGTERM);
            tenant.signal(Signal::SIGCONT);
            tenant.wait();
        }
    }

    fn start(&mut self, index: usize) -> Result<(), Trouble> {
        let Tenant { role, address, .. } = self.tenants[index];
        let name = role.name();
        let (program, arguments) = match role {
            Role::Broker => (&self.tools.redis, self.broker_arguments(address)),
            Role::Server(_) => (&self.server, self.server_arguments(address)),
            Role::Balancer => (&self.tools.haproxy, self.balancer_arguments(address)?),
        };
        let (mut process, lines) = Process::start(&name, program, &arguments)?;
        match role {
            Role::Broker => process::wait_for_line(&lines, &name, "Ready to accept connections")?,
            Role::Server(_) => process::wait_for_line(&lines, &name, "Escuchando en ")?,
            Role::Balancer => {
                let orders = self.orders();
                let answers = || balancer::order(&orders, "show info").is_ok();
                process::wait_until(&mut process, &name, answers)?;
            }
        }
        self.tenants[index].process = Some(process);
        Ok(())
    }

    /// Todo lo que se acepta está en el disco antes de contestar: lo dicho no se pierde aunque el
    /// intermediario muera.
    fn broker_arguments(&self, address: SocketAddr) -> Vec<OsString> {
        let port = address.port().to_string();
        let fixed = ["--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always"];
        let mut arguments: Vec<OsString> = fixed.map(OsString::from).into();
        arguments.extend(["--save", "", "--port", &port, "--dir"].map(OsString::from));
        arguments.push(self.folder.path().into());
        arguments
    }

    fn server_arguments(&self, address: SocketAddr) -> Vec<OsString> {
        let broker = format!("redis://{}", self.tenants[0].address);
        let port = address.port().to_string();
        ["--name", "servidor", "--port", &port, "--broker", &broker, "--proxy", SOURCE]
            .map(OsString::from)
            .into()
    }

    fn balancer_arguments(&self, address: SocketAddr) -> Result<Vec<OsString>, Trouble> {
        let servers: Vec<_> = self
            .tenants
            .iter()
            .filter(|tenant| matches!(tenant.role, Role::Server(_)))
            .map(|tenant| tenant.address)
            .collect();
        let file = self.folder.path().join("haproxy.cfg");
        std::fs::write(&file, balancer::configuration(address, &self.orders(), &servers))?;
        // Sin segundo plano, y con un maestro que sabe releer la configuración (SIGUSR2).
        Ok(["-W".into(), "-db".into(), "-q".into(), "-f".into(), file.into()].into())
    }

    fn orders(&self) -> PathBuf {
        Path::join(self.folder.path(), "ordenes.sock")
    }

    /// Hasta que el balanceador no compruebe que viven, cerraría a quien llegara.
    fn wait_for_the_balancer(&mut self) -> Result<(), Trouble> {
        let orders = self.orders();
        let servers = self.tenants.len() - 2;
        let Some(process) = self.tenants.last_mut().and_then(|tenant| tenant.process.as_mut())
        else {
            return Ok(());
        };
        process::wait_until(process, "balanceador", || {
            (1..=servers).all(|number| balancer::is_up(&orders, number).unwrap_or(false))
        })
    }
}

impl Tenant {
    const FIRST: Duration = Duration::from_millis(200);
    const MOST: Duration = Duration::from_secs(5);

    fn new(role: Role, address: SocketAddr) -> Tenant {
        let waits = Backoff::new(Tenant::FIRST, Tenant::MOST);
        Tenant { role, address, process: None, waits, again: None, draining: false }
    }

    /// Cómo murió, si acaba de morir.
    fn found_dead(&mut self) -> Option<String> {
        let how = self.process.as_mut()?.ended()?;
        self.process = None;
        self.later();
        Some(how)
    }

    fn later(&mut self) {
        self.again = Some(Instant::now() + self.waits.next_wait());
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    fn wait(&mut self) {
        if let Some(process) = &mut self.process {
            process.wait();
        }
    }
}
