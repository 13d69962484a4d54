//! Lo que se pide al intermediario: guiones que ejecuta enteros, sin que nada ocurra entre medias.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation, Value};

use crate::broker::Link;

/// Delante de todas las claves. Lo que va entre llaves hace que, en un clúster, caigan juntas.
pub(crate) const PREFIX: &str = "{chat}";

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("scripts/common.lua"), include_str!($file)))
        });
    };
}

script!(REGISTER, "scripts/register.lua");
script!(BEAT, "scripts/beat.lua");
script!(JOIN, "scripts/join.lua");
script!(SAY, "scripts/say.lua");
script!(LEAVE, "scripts/leave.lua");
script!(HEARD, "scripts/heard.lua");
script!(RETIRE, "scripts/retire.lua");

/// Lo que contesta un guion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Hecho, o ya lo estaba.
    Done,
    /// Aún no; y lo que hay que recordar cuando se pregunte otra vez.
    Wait(String),
    /// El nombre es de otro.
    Taken,
    /// Quien pregunta ya no es un servidor del chat.
    Lost,
    /// Se apuntó: el canal va por ahí.
    Registered(Vec<String>),
}

/// Pide algo en nombre de `epoch`, y lo repite hasta que haya respuesta. Se puede: los guiones
/// reconocen lo que ya hicieron.
pub(crate) async fn ask(link: &Link, script: &Script, epoch: &str, arguments: &[&str]) -> Answer {
    loop {
        let (mut connection, number) = link.open().await;
        let mut order: ScriptInvocation<'_> = script.key(PREFIX);
        order.arg(epoch).arg(number);
        for argument in arguments {
            order.arg(*argument);
        }
        match order.invoke_async::<Value>(&mut connection).await {
            Ok(value) => {
                link.answered().await;
                if let Some(answer) = understand(value) {
                    return answer;
                }
            }
            Err(error) => link.failed(number, &error).await,
        }
    }
}

/// `None` si la orden llegó por una conexión que ya no es la nuestra: hay que repetirla por otra.
fn understand(value: Value) -> Option<Answer> {
    if let Value::Array(_) = value {
        return redis::from_redis_value(value).ok().map(Answer::Registered);
    }
    let text: String = redis::from_redis_value(value).ok()?;
    match text.as_str() {
        "done" => Some(Answer::Done),
        "taken" => Some(Answer::Taken),
        "lost" => Some(Answer::Lost),
        _ => text.strip_prefix("wait").map(|what| Answer::Wait(what.trim().to_owned())),
    }
}
