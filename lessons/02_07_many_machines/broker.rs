//! La conexión con el intermediario: se rompe, y vuelve.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use multiplexacion::backoff::Backoff;
use multiplexacion::cli::{Trouble, complain};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind};
use tokio::time::{sleep, timeout};

/// Lo que se espera a que el intermediario acepte una conexión, y a que conteste.
const CONNECT: Duration = Duration::from_secs(2);
pub(crate) const ANSWER: Duration = Duration::from_secs(3);

/// Lo que se espera, como mucho, antes de volver a intentarlo: la primera vez, y al final.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Dónde está el intermediario, y si se llega a él.
#[derive(Debug, Clone)]
pub(crate) struct Broker {
    client: Client,
    /// Lo que se ha dicho de él, si no se llega.
    told: Arc<Mutex<Option<String>>>,
    /// Si hay que decirlo. Basta con que lo diga una de las conexiones.
    quiet: bool,
}

impl Broker {
    /// El que está en esa dirección, `redis://[usuario][:clave@]máquina[:puerto]`. Si contesta, ha de
    /// ser él y dejarnos entrar; si no contesta, ya lo hará. Errores: lo que no se arregla esperando.
    pub(crate) async fn find(url: &str) -> Result<Broker, Trouble> {
        let client = Client::open(url).map_err(|_| {
            Trouble::new(
                "--broker no es la dirección de un redis",
                "usa --broker redis://127.0.0.1:6379, o redis://:CLAVE@127.0.0.1:6379 si pide una clave",
            )
        })?;
        let broker = Broker { client, told: Arc::default(), quiet: false };
        match timeout(CONNECT, broker.greet()).await {
            Ok(Err(error)) if is_final(&error) => return Err(broker.refusal(&error)),
            Ok(Err(error)) => broker.complain(&error),
            Ok(Ok(())) | Err(_) => {}
        }
        Ok(broker)
    }

    /// Si hace falta una clave, conectarse no basta para saberlo.
    async fn greet(&self) -> Result<(), RedisError> {
        redis::cmd("PING").query_async(&mut self.connect().await?).await
    }

    /// Dónde está, sin la clave.
    pub(crate) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// El mismo, sin que se cuente otra vez lo que le pasa.
    pub(crate) fn quietly(&self) -> Broker {
        Broker { quiet: true, ..self.clone() }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn refusal(&self, error: &RedisError) -> Trouble {
        let address = self.address();
        match error.kind() {
            _ if is_protected(error) => Trouble::new(
                format!("el intermediario de {address} pide una clave"),
                format!("ponla en la dirección: --broker redis://:CLAVE@{address}"),
            ),
            ErrorKind::AuthenticationFailed => Trouble::new(
                format!("el intermediario de {address} no acepta esa clave"),
                "revisa la que va en --broker, entre «redis://:» y «@»",
            ),
            _ => Trouble::new(
                format!("en {address} hay algo que no habla como redis"),
                "revisa la dirección y el puerto de --broker",
            ),
        }
    }

    /// Dice que no se llega a él, una vez por cada razón.
    pub(crate) fn complain(&self, error: &RedisError) {
        if self.quiet {
            return;
        }
        let reason = reason(error);
        let mut told = self.told();
        if told.as_ref() != Some(&reason) {
            let address = self.address();
            complain(&format!(
                "aplic_02_07: no se puede contar con el intermediario de {address}: {reason}. Se sigue intentando."
            ));
            *told = Some(reason);
        }
    }

    /// Contestó.
    pub(crate) fn answered(&self) {
        if !self.quiet && self.told().take().is_some() {
            complain(&format!("aplic_02_07: de nuevo con el intermediario de {}.", self.address()));
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Una conexión con él, que se rehace cuando se rompe.
#[derive(Debug)]
pub(crate) struct Link {
    broker: Broker,
    open: tokio::sync::Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    connection: Option<MultiplexedConnection>,
    /// Cuántas se han abierto.
    number: u64,
    /// Lo que se espera antes de abrir la siguiente.
    backoff: Backoff,
}

impl Link {
    /// La que se abrirá cuando haga falta.
    pub(crate) fn new(broker: Broker) -> Link {
        let open = Open { connection: None, number: 0, backoff: Backoff::new(SHORTEST, LONGEST) };
        Link { broker, open: tokio::sync::Mutex::new(open) }
    }

    /// La conexión, y su número. Si no la hay, insiste hasta que la haya.
    pub(crate) async fn open(&self) -> (MultiplexedConnection, u64) {
        let mut open = self.open.lock().await;
        loop {
            if let Some(connection) = &open.connection {
                return (connection.clone(), open.number);
            }
            match self.broker.connect().await {
                Ok(connection) => {
                    open.connection = Some(connection);
                    open.number += 1;
                }
                Err(error) => {
                    self.broker.complain(&error);
                    sleep(open.backoff.next_wait()).await;
                }
            }
        }
    }

    /// Llegó una respuesta: la próxima espera vuelve a ser corta.
    pub(crate) async fn answered(&self) {
        self.open.lock().await.backoff.reset();
        self.broker.answered();
    }

    /// La conexión `number` falló: la siguiente será otra, tras una espera.
    pub(crate) async fn failed(&self, number: u64, error: &RedisError) {
        self.broker.complain(error);
        let mut open = self.open.lock().await;
        if open.number == number && open.connection.take().is_some() {
            sleep(open.backoff.next_wait()).await;
        }
    }
}

/// Lo que no se arregla esperando: la clave, o que no es redis.
fn is_final(error: &RedisError) -> bool {
    is_protected(error)
        || matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Parse)
        || error.kind() == ErrorKind::Extension
}

fn is_protected(error: &RedisError) -> bool {
    error.code() == Some("NOAUTH")
}

/// Por qué no se puede contar con él, en español.
fn reason(error: &RedisError) -> String {
    match error.kind() {
        _ if error.is_timeout() => "no contesta".to_owned(),
        _ if error.is_connection_refusal() => "nadie escucha ahí".to_owned(),
        ErrorKind::Io => "no se puede conectar, o la conexión se cortó".to_owned(),
        ErrorKind::AuthenticationFailed => "no acepta la clave".to_owned(),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "aún lee su disco".to_owned(),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            "es una copia, y no deja escribir".to_owned()
        }
        _ if is_protected(error) => "pide una clave".to_owned(),
        _ => match error.code() {
            Some("OOM") => "no le queda memoria".to_owned(),
            Some("MISCONF") => "no puede escribir en su disco".to_owned(),
            Some(code) => format!("contesta {code}"),
            None => "contesta algo que no se entiende".to_owned(),
        },
    }
}
