//! Las etapas: lo que un servidor de cada lección ha de saber hacer, de menos a más.

mod lesson_02_02;
mod lesson_02_03;
mod lesson_02_04;

use crate::stage::Stage;

/// Las etapas de una lección, en orden; ninguna si no existe esa lección.
pub fn stages(lesson: &str) -> &'static [Stage] {
    match lesson {
        "02_02" => lesson_02_02::STAGES,
        "02_03" => lesson_02_03::STAGES,
        "02_04" => lesson_02_04::STAGES,
        _ => &[],
    }
}
