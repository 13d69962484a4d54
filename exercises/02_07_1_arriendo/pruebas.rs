//! Las pruebas de 02_07_1_arriendo: con una hora inventada, que nadie espera.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod broker;
pub mod holder;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use broker::{Answer, Step};
use ejercicio::{Door, Lease};
use ejercicios::prelude::*;
use holder::hold;

/// Segundos que dura el arriendo de las pruebas. Un tercio son diez.
const LENGTH: u64 = 30;

/// La ficha de quien llegó primero, y la de otro arriendo, posterior.
const SEVEN: Answer = Answer::Granted { token: 7 };
const NINE: Answer = Answer::Granted { token: 9 };

ejercicios::tests! {
    al_empezar_se_pide,
    tras_pedirlo_se_duerme,
    si_nadie_contesta_se_vuelve_a_preguntar,
    antes_de_que_lo_concedan_no_hay_ficha,
    concedido_es_nuestro,
    se_renueva_cada_tercio,
    quien_recibe_un_no_espera_un_tercio,
    vale_desde_que_se_preguntó,
    si_no_se_renueva_se_pierde_a_su_hora,
    la_pérdida_se_dice_una_vez,
    nadie_duerme_más_allá_de_su_arriendo,
    quien_despierta_tarde_lo_primero_que_sabe_es_que_lo_perdió,
    una_respuesta_que_estaba_esperando_no_lo_devuelve,
    una_concesión_caducada_no_es_una_pérdida,
    la_respuesta_a_una_pregunta_anterior_no_cuenta,
    si_lo_niegan_se_pierde_en_el_acto,
    con_otra_ficha_es_otro_arriendo,
    con_la_misma_ficha_no_se_perdió,
    lo_perdido_se_vuelve_a_conseguir,
    la_puerta_deja_pasar_las_fichas_de_ahora,
    la_puerta_no_deja_pasar_una_ficha_vieja,
}

fn al_empezar_se_pide() -> Outcome {
    with_lease(|lease| lease.does(0, Step::Ask(1), "recién creado"))
}

fn tras_pedirlo_se_duerme() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.sleeps(0, 10, "si acaba de preguntar por primera vez")?;
        lease.sleeps(4, 6, "si preguntó hace 4 s y nadie ha contestado")
    })
    .hint("la siguiente pregunta se hace un tercio después de la anterior")
}

fn si_nadie_contesta_se_vuelve_a_preguntar() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.does(10, Step::Ask(2), "si la pregunta 1 lleva 10 s sin respuesta")?;
        lease.sleeps(10, 10, "si acaba de hacer la pregunta 2")?;
        lease.does(25, Step::Ask(3), "si despierta 15 s después de la pregunta 2")?;
        lease.sleeps(25, 10, "si hizo la pregunta 3 en el segundo 25")
    })
    .hint("el tercio se cuenta desde la última pregunta, la hayan contestado o no")
}

fn antes_de_que_lo_concedan_no_hay_ficha() -> Outcome {
    with_lease(|lease| {
        lease.has(0, None, "recién creado")?;
        lease.asks(0, 1)?;
        lease.has(1, None, "si preguntó y aún no le han contestado")
    })
}

fn concedido_es_nuestro() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.hears(2, 1, SEVEN);
        lease.has(2, Some(7), "si en el segundo 2 se lo conceden con la ficha 7")?;
        lease.sleeps(2, 8, "si preguntó en el segundo 0 y se lo conceden en el 2")
    })
}

fn se_renueva_cada_tercio() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.does(10, Step::Ask(2), "un tercio después de la pregunta 1").hint(
            "no se espera a que caduque: así quedan dos preguntas más por si una se pierde",
        )?;
        lease.hears(11, 2, SEVEN);
        lease.has(39, Some(7), "si se renovó con una pregunta del segundo 10")?;
        lease.sleeps(11, 9, "si la pregunta 2 fue en el segundo 10")?;
        lease.does(20, Step::Ask(3), "un tercio después de la pregunta 2")
    })
}

fn quien_recibe_un_no_espera_un_tercio() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.hears(1, 1, Answer::Denied);
        lease.has(1, None, "si se lo niegan")?;
        let what = "si se lo niegan sin haberlo tenido";
        lease.sleeps(1, 9, what).hint("no se pierde lo que no se tenía")?;
        lease.does(10, Step::Ask(2), "si se lo negaron y ha pasado un tercio")
    })
}

fn vale_desde_que_se_preguntó() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.hears(8, 1, SEVEN);
        lease.has(29, Some(7), "si se lo concedieron con una pregunta del segundo 0")?;
        lease
            .has(30, None, "si la pregunta fue en el segundo 0, y la respuesta llegó en el 8")
            .hint(
                "el intermediario empezó a contar cuando le llegó la pregunta, y no cuando tú leíste la \
                 respuesta: en el segundo 30 quizá sea ya de otro",
            )
    })
}

fn si_no_se_renueva_se_pierde_a_su_hora() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        for (second, number) in [(10, 2), (20, 3)] {
            lease.asks(second, number)?;
        }
        lease.has(29, Some(7), "un segundo antes de que caduque")?;
        lease.has(30, None, "en el segundo en que caduca")?;
        lease.does(30, Step::Lost, "si nadie contestó a las renovaciones y caduca ahora mismo")
    })
}

fn la_pérdida_se_dice_una_vez() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.loses(30)?;
        lease
            .does(30, Step::Ask(2), "si acaba de decir que se perdió")
            .hint("`Lost` se dice una vez por cada pérdida: quien lo oye ya está en ello")?;
        lease.sleeps(30, 10, "si ya dijo que se perdió, y ya preguntó")
    })
}

fn nadie_duerme_más_allá_de_su_arriendo() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        for (second, number) in [(10, 2), (25, 3)] {
            lease.asks(second, number)?;
        }
        lease
            .sleeps(25, 5, "si caduca en el segundo 30 y la siguiente pregunta sería en el 35")
            .hint("hay que despertar a lo que ocurra antes: preguntar, o saber que se perdió")?;
        lease.loses(30)
    })
}

fn quien_despierta_tarde_lo_primero_que_sabe_es_que_lo_perdió() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease
            .has(500, None, "si el proceso estuvo detenido y despierta en el 500")
            .hint("nadie más le va a decir que caducó: `token` mira la hora cada vez")?;
        lease
            .does(500, Step::Lost, "si despierta en el segundo 500")
            .hint("toca preguntar, pero antes hay que dejar lo que ya no es de uno")?;
        lease.does(500, Step::Ask(2), "si ya dijo que se perdió")
    })
}

fn una_respuesta_que_estaba_esperando_no_lo_devuelve() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.asks(10, 2)?;
        // Llegó en el 11, con el proceso detenido: esperaba en el búfer.
        lease.hears(100, 2, SEVEN);
        lease.has(100, None, "si lee en el 100 la respuesta a una pregunta del segundo 10")?;
        lease.loses(100)?;
        lease.does(100, Step::Ask(3), "si ya dijo que se perdió")
    })
}

fn una_concesión_caducada_no_es_una_pérdida() -> Outcome {
    with_lease(|lease| {
        lease.asks(0, 1)?;
        lease.hears(30, 1, SEVEN);
        lease
            .does(30, Step::Ask(2), "si lee ahora una concesión que caduca en este segundo")
            .hint("nunca llegó a ser suyo: no hay nada que dejar")
    })
}

fn la_respuesta_a_una_pregunta_anterior_no_cuenta() -> Outcome {
    with_lease(|lease| {
        for (second, number) in [(0, 1), (10, 2)] {
            lease.asks(second, number)?;
        }
        lease.hears(12, 1, SEVEN);
        lease
            .has(12, None, "si tras la pregunta 2 llega la respuesta a la 1")
            .hint("ya no se sabe cuándo se hizo la 1: contarla desde la 2 sería regalarse 10 s")?;
        lease.hears(13, 2, SEVEN);
        lease.has(13, Some(7), "si después llega la respuesta a la 2")?;
        lease.hears(14, 1, Answer::Denied);
        lease.has(14, Some(7), "si llega, rezagado, un «no» a la pregunta 1")
    })
}

fn si_lo_niegan_se_pierde_en_el_acto() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.asks(10, 2)?;
        lease.hears(12, 2, Answer::Denied);
        lease
            .has(12, None, "si caducaba en el segundo 30, y en el 12 le dicen que es de otro")
            .hint("quien manda es el intermediario: si dice que no, no se espera a la hora")?;
        lease.loses(12)?;
        lease.sleeps(12, 8, "si se lo negaron, y la última pregunta fue en el segundo 10")
    })
}

fn con_otra_ficha_es_otro_arriendo() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.asks(10, 2)?;
        lease.hears(12, 2, NINE);
        lease.does(12, Step::Lost, "si tenía la ficha 7 y al renovarlo le dan la 9").hint(
            "entre una ficha y otra pudo ser de alguien más: lo que se hacía con la 7 ya no vale",
        )?;
        lease.has(12, Some(9), "si le han dado la 9")?;
        lease.sleeps(12, 8, "si ya dijo que perdió el de la ficha 7")
    })
}

fn con_la_misma_ficha_no_se_perdió() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        for (second, number) in [(10, 2), (20, 3)] {
            lease.asks(second, number)?;
        }
        lease.hears(32, 3, SEVEN);
        lease.has(49, Some(7), "si se renovó con una pregunta del segundo 20")?;
        lease
            .does(
                32,
                Step::Ask(4),
                "si caducaba en el 30, pero en el 32 le renuevan la misma ficha desde el 20",
            )
            .hint("la ficha es la misma: entre medias no fue de nadie más")
    })
}

fn lo_perdido_se_vuelve_a_conseguir() -> Outcome {
    with_lease(|lease| {
        lease.is_granted()?;
        lease.loses(40)?;
        lease.asks(40, 2)?;
        lease.hears(41, 2, NINE);
        lease.has(41, Some(9), "si lo perdió y se lo vuelven a conceder, con la ficha 9")?;
        lease
            .sleeps(41, 9, "si lo perdió, lo dijo y lo recuperó")
            .hint("esa pérdida ya se dijo")?;
        lease.has(69, Some(9), "si lo recuperó con una pregunta del segundo 40")
    })
}

fn la_puerta_deja_pasar_las_fichas_de_ahora() -> Outcome {
    passes(&[(7, true), (7, true), (9, true), (9, true)])
        .hint("quien tiene el arriendo escribe muchas veces, siempre con su ficha")
}

fn la_puerta_no_deja_pasar_una_ficha_vieja() -> Outcome {
    passes(&[(7, true), (9, true), (7, false), (8, false), (9, true)]).hint(
        "quien trae una ficha menor que otra ya vista perdió el arriendo, y quizá aún no lo sepa",
    )
}

by_hand!(|listener| {
    loop {
        let (broker, _) = listener.accept()?;
        tell("alguien hace de intermediario");
        // Si se va de golpe, otro hará de intermediario.
        let _ = hold(&broker, Duration::from_secs(15), |line| writeln!(io::stdout(), "{line}"));
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let broker = hands.open("nc ")?;
    broker.shows("pregunta 1: ")?;
    broker.types("7\n");
    hands.wait_for_server("es mío, con la ficha 7")?;
    broker.types("no\n");
    hands.wait_for_server("se perdió")
});

/// Un arriendo y un reloj inventado, en segundos.
struct Clock {
    start: Instant,
    lease: Lease,
}

impl Clock {
    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// Lo que toca en ese segundo.
    fn does(&mut self, second: u64, expected: Step, when: &str) -> Outcome {
        let now = self.at(second);
        let what = format!("lo que toca en el segundo {second}, {when}");
        ensure_equal(what, expected, self.lease.step(now))
    }

    fn sleeps(&mut self, second: u64, seconds: u64, when: &str) -> Outcome {
        self.does(second, Step::Sleep(Duration::from_secs(seconds)), when)
    }

    fn asks(&mut self, second: u64, number: u64) -> Outcome {
        self.does(second, Step::Ask(number), "si ya es hora de preguntar")
    }

    fn loses(&mut self, second: u64) -> Outcome {
        self.does(second, Step::Lost, "si era suyo y ya no")
    }

    /// Lee la respuesta a la pregunta `number`.
    fn hears(&mut self, second: u64, number: u64, answer: Answer) {
        let now = self.at(second);
        self.lease.on_answer(number, answer, now);
    }

    /// La ficha que dice tener en ese segundo.
    fn has(&mut self, second: u64, token: Option<u64>, when: &str) -> Outcome {
        let what = format!("la ficha que tiene en el segundo {second}, {when}");
        ensure_equal(what, token, self.lease.token(self.at(second)))
    }

    /// Pregunta en el segundo 0 y, en el 1, se lo conceden con la ficha 7.
    fn is_granted(&mut self) -> Outcome {
        self.asks(0, 1)?;
        self.hears(1, 1, SEVEN);
        self.has(1, Some(7), "si se lo conceden con la ficha 7")
    }
}

fn with_lease(script: impl FnOnce(&mut Clock) -> Outcome + Send + 'static) -> Outcome {
    within(LIMIT, "seguir un arriendo de 30 s", move || {
        let lease = Lease::new(Duration::from_secs(LENGTH));
        script(&mut Clock { start: Instant::now(), lease })
    })?
}

/// Quienes llaman a la puerta, por orden, con su ficha, y si han de pasar.
fn passes(callers: &'static [(u64, bool)]) -> Outcome {
    within(LIMIT, "guardar una puerta", || {
        let mut door = Door::default();
        for (place, (token, expected)) in callers.iter().enumerate() {
            let before: Vec<_> = callers[..place].iter().map(|(token, _)| token).collect();
            let what = format!("si pasa quien trae la ficha {token}, después de {before:?}");
            ensure_equal(what, *expected, door.admits(*token))?;
        }
        Ok(())
    })?
}
