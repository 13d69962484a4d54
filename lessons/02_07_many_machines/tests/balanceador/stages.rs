//! Lo que cualquier servidor de chat debe cumplir, también por un balanceador y siendo tres.

use std::time::Duration;

use harness::raise_descriptor_limit;

use crate::Outcome;
use crate::common::Redis;
use crate::house::House;

/// Aquí cada paso pasa por seis procesos.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn tres_servidores_y_un_balanceador_pasan_las_etapas_de_uno() -> Outcome {
    raise_descriptor_limit();
    // Sin esperar al disco: aquí no se muere nadie, y una etapa pone plazo a quien lee despacio.
    let Some(house) = House::around(Redis::start, 3)? else { return Ok(()) };
    let mut failures = Vec::new();
    for stage in harness::stages("02_03").iter().filter(|stage| !stage.stops_program()) {
        let talk = stage.conversation(house.entrance()).limit(PATIENCE);
        if let Err(failure) = stage.run_in(&talk) {
            eprintln!("{failure}");
            failures.push(stage.title);
        }
    }
    assert_eq!(failures, [""; 0]);
    Ok(())
}
