//! Qué se va a medir, en qué orden y cuánto tardará.

use std::time::Duration;

use crate::engines::{Engine, select::FD_SETSIZE};
use crate::machine::fitting;
use crate::results::Case;

/// Lo que se pide medir.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Cómo se pidió: `cargo lab rapido`.
    pub(crate) order: &'static str,
    pub(crate) engines: Vec<Engine>,
    /// Conexiones de los experimentos en que hablan unas pocas.
    pub(crate) idle: Vec<usize>,
    /// Conexiones de los experimentos en que hablan todas.
    pub(crate) busy: Vec<usize>,
    /// Cuántas son unas pocas.
    pub(crate) few: usize,
    pub(crate) rounds: usize,
    pub(crate) burst: Duration,
    pub(crate) paced: Duration,
    pub(crate) rate: u32,
}

/// Lo que `select` llega a atender, dejando sitio a los descriptores que ya estaban abiertos.
const SELECT_MOST: usize = FD_SETSIZE - 24;

impl Plan {
    /// Lo corriente: tres minutos.
    pub(crate) fn usual() -> Plan {
        Plan {
            order: "cargo lab",
            engines: Engine::OURS.into(),
            idle: vec![10, 100, 1000, 10_000],
            busy: vec![100, 1000],
            few: 10,
            rounds: 5,
            burst: Duration::from_millis(300),
            paced: Duration::from_millis(500),
            rate: 4000,
        }
    }

    /// Medio minuto: lo justo para ver las diferencias grandes.
    pub(crate) fn quick() -> Plan {
        Plan {
            order: "cargo lab rapido",
            idle: vec![10, 100, 1000],
            busy: vec![100],
            rounds: 3,
            burst: Duration::from_millis(150),
            paced: Duration::from_millis(200),
            ..Plan::usual()
        }
    }

    /// Veinte minutos: más motores, más puntos, más largos y más veces.
    pub(crate) fn thorough() -> Plan {
        Plan {
            order: "cargo lab completo",
            engines: Engine::ALL.into(),
            idle: vec![10, 30, 100, 300, 1000, 3000, 10_000],
            busy: vec![30, 100, 300, 1000, 3000],
            rounds: 9,
            burst: Duration::from_millis(500),
            paced: Duration::from_secs(1),
            ..Plan::usual()
        }
    }

    /// Con otras conexiones. Con todas activas se repiten las que no pasen de tres mil.
    pub(crate) fn with_connections(mut self, connections: &[usize]) -> Plan {
        self.idle = connections.to_vec();
        self.idle.sort_unstable();
        self.idle.dedup();
        self.busy = self.idle.iter().copied().filter(|&count| count <= 3000).collect();
        self
    }

    /// Recorta lo que no cabe en `descriptors`, y dice si hubo que recortar.
    pub(crate) fn fit(&mut self, descriptors: u64) -> bool {
        let cut = |counts: &mut Vec<usize>| {
            let before = counts.clone();
            for count in counts.iter_mut() {
                *count = fitting(*count, descriptors);
            }
            counts.dedup();
            *counts != before
        };
        let idle = cut(&mut self.idle);
        cut(&mut self.busy) || idle
    }

    /// Los casos, sin repetir ninguno, de menos conexiones a más.
    pub(crate) fn cases(&self) -> Vec<(Engine, Case)> {
        let idle = self.idle.iter().map(|&connections| (connections, self.few.min(connections)));
        let busy = self.busy.iter().map(|&connections| (connections, connections));
        let mut sizes: Vec<(usize, usize)> = idle.chain(busy).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let cases = sizes.into_iter().flat_map(|(connections, active)| {
            let case =
                move |&engine: &Engine| (engine, Case::new(engine.name(), connections, active));
            self.engines.iter().map(case)
        });
        // Más allá no hay nada que medir: se cuenta aparte dónde se detiene.
        let reachable = |(engine, case): &(Engine, Case)| {
            *engine != Engine::Select || case.connections <= SELECT_MOST
        };
        cases.filter(reachable).collect()
    }

    /// Cuánto tardará un caso, más o menos.
    pub(crate) fn estimate(&self, case: &Case) -> Duration {
        let measuring = self.warm_up() + self.burst + self.paced;
        let connecting =
            Duration::from_micros(60) * u32::try_from(case.connections).unwrap_or(u32::MAX);
        measuring + connecting + Duration::from_millis(20)
    }

    /// Cuánto se calienta antes de medir: cachés, reloj del procesador, pilas de los hilos.
    pub(crate) fn warm_up(&self) -> Duration {
        self.burst / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasts(plan: &Plan) -> Duration {
        let once: Duration = plan.cases().iter().map(|(_, case)| plan.estimate(case)).sum();
        once * u32::try_from(plan.rounds).unwrap()
    }

    #[test]
    fn cada_orden_dura_lo_que_promete() {
        let seconds = |plan| lasts(&plan).as_secs();
        assert!((20..=30).contains(&seconds(Plan::quick())), "{}", seconds(Plan::quick()));
        assert!((120..=180).contains(&seconds(Plan::usual())), "{}", seconds(Plan::usual()));
        assert!((900..=1260).contains(&seconds(Plan::thorough())), "{}", seconds(Plan::thorough()));
    }

    #[test]
    fn ningún_caso_se_repite_y_a_select_no_se_le_pide_lo_que_no_puede() {
        let plan = Plan::usual().with_connections(&[10, 10, 5000]);
        let cases = plan.cases();
        let has = |wanted, connections| {
            cases.iter().any(|(engine, case)| *engine == wanted && case.connections == connections)
        };
        let ten = cases.iter().filter(|(_, case)| case.connections == 10).count();
        assert_eq!(ten, Engine::OURS.len());
        assert!(!has(Engine::Select, 5000) && has(Engine::Epoll, 5000));
    }

    #[test]
    fn con_pocos_descriptores_se_recorta_y_se_dice() {
        let mut plan = Plan::usual();
        assert!(!plan.fit(20_000));
        assert!(plan.fit(1024));
        assert_eq!(plan.idle, [10, 100, 960]);
        assert_eq!(plan.busy, [100, 960]);
    }
}
