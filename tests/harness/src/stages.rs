//! Las etapas de cada lección. Se llega a ellas por [`stages`](crate::stages()).

pub(crate) mod lesson_02_02;
pub(crate) mod lesson_02_03;
pub(crate) mod lesson_02_04;
