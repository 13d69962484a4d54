//! Para quien entra, nada ha cambiado: las etapas de 02_03, con un servidor solo y con uno que comparte.

mod common;

use common::{Redis, has_redis};
use harness::{DEFAULT_LIMIT, Failure, Server, raise_descriptor_limit, stages};

fn passes(server: &Server) -> Result<(), Failure> {
    raise_descriptor_limit();
    for stage in stages("02_03") {
        server.passes(stage)?;
    }
    let exit = server.wait(DEFAULT_LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}

#[test]
fn un_servidor_solo_pasa_las_etapas_del_chat() -> Result<(), Failure> {
    passes(&common::server().start()?)
}

#[test]
fn un_servidor_con_intermediario_pasa_las_etapas_del_chat() -> Result<(), Failure> {
    if !has_redis()? {
        return Ok(());
    }
    let redis = Redis::start()?;
    passes(&redis.server()?)
}
