//! Lo que hace cada orden.

mod agreement;
pub(crate) mod check;
mod contract;
mod grade;
mod guide;
mod help;
mod inside;
mod mutate;
mod narrate;
mod replays;
mod run;
mod scaffold;
mod update;
mod verify;
mod watch;

use std::process::ExitCode;

use multiplexacion::cli::Trouble;

use crate::arguments::{Chosen, Order};
use crate::course::{Course, Exercise};
use crate::progress::Progress;
use crate::teacher;

/// Hace lo que se pide; nada es «¿dónde estoy?».
///
/// # Errors
/// Qué pasó y qué probar. Que un ejercicio no pase sus pruebas no es un error, sino un código de
/// salida.
pub(crate) fn obey(order: Option<Order>) -> Result<ExitCode, Trouble> {
    let course = Course::open()?;
    let mut progress = Progress::of(&course)?;
    let done = match order {
        None => {
            guide::overview(&course, &progress);
            Ok(())
        }
        Some(Order::Next) => guide::next(&course, &progress),
        Some(Order::Statement(chosen)) => {
            let exercise = choose(&course, &progress, &chosen)?;
            guide::statement(&course, &progress, exercise)
        }
        Some(Order::List) => {
            guide::list(&course, &progress);
            Ok(())
        }
        Some(Order::Check(chosen)) => {
            let exercise = choose(&course, &progress, &chosen)?;
            return check::check(&course, &mut progress, exercise).map(code);
        }
        Some(Order::Watch(chosen)) => {
            let exercise = choose(&course, &progress, &chosen)?;
            watch::watch(&course, &mut progress, exercise)
        }
        Some(Order::Hint(chosen)) => {
            let exercise = choose(&course, &progress, &chosen)?;
            help::hint(&mut progress, exercise)
        }
        Some(Order::Solution { id, give_up }) => {
            help::solution(&mut progress, course.find(&id)?, give_up)
        }
        Some(Order::Compare { id }) => help::compare(&progress, course.find(&id)?),
        Some(Order::Restart { id }) => help::restart(&course, &mut progress, course.find(&id)?),
        Some(Order::Update) => update::update(&course),
        Some(Order::Bring { older }) => update::bring(&course, &mut progress, &older),
        Some(Order::Narrate) => narrate::narrate(),
        Some(Order::Run { chosen, port, verbose }) => {
            let exercise = choose(&course, &progress, &chosen)?;
            return run::run(&course, exercise, port, verbose).map(code);
        }
        Some(Order::Inside { chosen, port, page, stay_closed }) => {
            let exercise = choose(&course, &progress, &chosen)?;
            let options = inside::Options { page: page.as_deref(), stay_closed };
            return inside::inside(&course, exercise, port, &options).map(code);
        }
        Some(Order::Grade { lesson, stage, port, server }) => {
            return grade::grade(&lesson, stage, port, &server).map(code);
        }
        Some(Order::Contract { lesson }) => contract::contract(&lesson),
        Some(Order::Review { json, junit }) => {
            #[cfg(feature = "docente")]
            return teacher::review::review(&course, json.as_deref(), junit.as_deref()).map(code);
            #[cfg(not(feature = "docente"))]
            return teacher::call(&course, (json, junit));
        }
        Some(Order::Verify { id, times, by_hand }) => {
            let only = id.as_deref().map(|id| course.find(id)).transpose()?;
            return verify::verify(&course, only, verify::Demand { times, by_hand }).map(code);
        }
        Some(Order::Mutate { id }) => {
            let only = id.as_deref().map(|id| course.find(id)).transpose()?;
            return mutate::mutate(&course, only).map(code);
        }
        Some(Order::New { id }) => scaffold::scaffold(&course, &id),
        #[cfg(feature = "docente")]
        Some(Order::Classroom(asked)) => teacher::classroom(&course, &asked.request()),
        #[cfg(not(feature = "docente"))]
        Some(Order::Classroom(asked)) => return teacher::call(&course, asked),
        Some(Order::HandOut { folder }) => teacher::handout::handout(&course, &folder),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// El ejercicio que se pide; si no se pide ninguno, el primero que falta.
fn choose<'a>(
    course: &'a Course,
    progress: &Progress,
    Chosen { id }: &Chosen,
) -> Result<&'a Exercise, Trouble> {
    if let Some(id) = id {
        return course.find(id);
    }
    progress.next(course).ok_or_else(|| {
        Trouble::new(
            "no falta ningún ejercicio",
            "di cuál quieres, como «cargo curso probar eco», o míralos con «cargo curso lista»",
        )
    })
}
