//! Cuánto esperar antes de volver a llamar a quien no contesta.
//!
//! Cuando un servidor se cae, todos sus clientes lo notan en el mismo instante. Si todos esperan lo
//! mismo, vuelven en el mismo instante también, y el servidor que los recibe se cae por ellos. Dos
//! remedios, y hacen falta los dos: que la espera **crezca**, para no insistir a quien no puede; y
//! que sea **al azar**, para no llegar todos a la vez. Aquí, cada espera es un tiempo cualquiera
//! entre nada y un tope, y es el tope lo que se dobla.

use std::time::Duration;

use fastrand::Rng;

/// Las esperas de quien vuelve a intentarlo, una tras otra.
#[derive(Debug)]
pub struct Backoff {
    random: Rng,
    first: Duration,
    most: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// La primera espera no pasa de `first`; ninguna, de `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff::with(Rng::new(), first, most)
    }

    /// Las mismas esperas cada vez: para repetir lo que pasó.
    pub fn seeded(seed: u64, first: Duration, most: Duration) -> Backoff {
        Backoff::with(Rng::with_seed(seed), first, most)
    }

    fn with(random: Rng, first: Duration, most: Duration) -> Backoff {
        Backoff { random, first, most, ceiling: first.min(most) }
    }

    // ANCHOR: next_wait
    /// La espera siguiente: al azar, de cero al tope. El tope se dobla cada vez.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.ceiling.mul_f64(self.random.f64());
        self.ceiling = (self.ceiling * 2).min(self.most);
        wait
    }
    // ANCHOR_END: next_wait

    /// Contestó: la próxima vez se empieza desde el principio.
    pub fn reset(&mut self) {
        self.ceiling = self.first.min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(30);

    #[test]
    fn ninguna_espera_pasa_de_su_tope_y_el_tope_se_dobla_hasta_el_último() {
        let mut back = Backoff::seeded(7, FIRST, MOST);
        for ceiling in [1, 2, 4, 8, 16, 30, 30] {
            let wait = back.next_wait();
            assert!(wait <= Duration::from_secs(ceiling), "{wait:?} pasa de {ceiling} s");
        }
        back.reset();
        assert!(back.next_wait() <= FIRST);
    }

    #[test]
    fn las_esperas_se_reparten_por_todo_su_intervalo() {
        let waits: Vec<_> =
            (0..1000).map(|seed| Backoff::seeded(seed, FIRST, MOST).next_wait()).collect();
        for tenth in 0..10 {
            let from = FIRST / 10 * tenth;
            let inside =
                waits.iter().filter(|wait| (from..from + FIRST / 10).contains(wait)).count();
            assert!((60..140).contains(&inside), "{inside} entre {from:?} y la décima siguiente");
        }
    }

    #[test]
    fn con_un_tope_menor_que_la_primera_manda_el_tope() {
        let mut back = Backoff::seeded(1, MOST, FIRST);
        assert!((0..20).all(|_| back.next_wait() <= FIRST));
    }

    /// Cuántos pierden su servidor a la vez.
    const CROWD: u64 = 10_000;
    /// Los que esperan en la cola de `accept` del que los recibe, y los que deja entrar cada
    /// milisegundo.
    const QUEUE: usize = 1024;
    const PER_MILLISECOND: usize = 2;

    /// Qué le pasó al servidor que los recibió.
    #[derive(Debug)]
    struct Return {
        /// Cuándo entró el último.
        last: u64,
        /// Llamadas que no cupieron en la cola.
        refused: usize,
        /// Las que llegaron en el peor milisegundo.
        worst: usize,
    }

    /// Todos pierden su servidor en el milisegundo 0, y hay otro que los puede recibir. A quien no
    /// cabe en la cola le toca otra espera: `next_wait(quién, cuántas lleva)`.
    fn come_back(mut next_wait: impl FnMut(u64, u32) -> Duration) -> Return {
        let milliseconds = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let mut calls: BTreeMap<u64, Vec<(u64, u32)>> = BTreeMap::new();
        for who in 0..CROWD {
            calls.entry(milliseconds(next_wait(who, 0))).or_default().push((who, 1));
        }
        let mut outcome = Return { last: 0, refused: 0, worst: 0 };
        let (mut now, mut queued) = (0, 0_usize);
        while let Some((&moment, _)) = calls.first_key_value() {
            let elapsed = usize::try_from(moment - now).unwrap_or(usize::MAX);
            queued = queued.saturating_sub(elapsed.saturating_mul(PER_MILLISECOND));
            now = moment;
            let arrivals = calls.pop_first().map(|(_, arrivals)| arrivals).unwrap_or_default();
            outcome.worst = outcome.worst.max(arrivals.len());
            for (who, waits) in arrivals {
                if queued < QUEUE {
                    queued += 1;
                    continue;
                }
                outcome.refused += 1;
                let later = now + milliseconds(next_wait(who, waits)).max(1);
                calls.entry(later).or_default().push((who, waits + 1));
            }
        }
        outcome.last = now + (queued / PER_MILLISECOND) as u64;
        outcome
    }

    #[test]
    fn diez_mil_que_vuelven_a_la_vez_no_tumban_al_que_los_recibe() {
        let fixed = come_back(|_, _| FIRST);
        let growing = come_back(|_, waits| (FIRST * 2_u32.pow(waits.min(5))).min(MOST));
        let mut crowd: Vec<_> = (0..CROWD).map(|seed| Backoff::seeded(seed, FIRST, MOST)).collect();
        let at_random =
            come_back(|who, _| crowd[usize::try_from(who).unwrap_or_default()].next_wait());
        println!("fija: {fixed:?}\ncreciente: {growing:?}\nal azar: {at_random:?}");

        // Con la misma espera para todos llegan en el mismo milisegundo, y la cola se llena nueve
        // veces: acaban en diez segundos, si es que un golpe así no tumba a nadie. Si la espera solo
        // crece, siguen llegando juntos, y además tardan minutos.
        assert_eq!((fixed.worst, growing.worst), (10_000, 10_000));
        assert!(fixed.refused > 40_000, "{fixed:?}");
        assert!(growing.last > 100_000, "{growing:?}");
        // Al azar, el peor milisegundo es cuatrocientas veces menor, y el último entra en segundos. De
        // dos en dos, diez mil son cinco; el resto es de los que tuvieron mala suerte varias veces.
        assert!(at_random.worst < 30, "{at_random:?}");
        assert!(at_random.refused < 20_000, "{at_random:?}");
        assert!((5_000..25_000).contains(&at_random.last), "{at_random:?}");
    }
}
