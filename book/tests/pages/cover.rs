//! La portada: lo que dice que se tarda es lo que dice cada capítulo, y su suma.

use std::fs;
use std::path::PathBuf;

use crate::book::book;

/// «1 h 40 min», en minutos.
fn minutes(told: &str) -> u32 {
    let words: Vec<&str> = told.trim_matches(|c| c == ' ' || c == '*').split(' ').collect();
    words
        .chunks(2)
        .map(|pair| match pair {
            [number, "h"] => 60 * number.parse::<u32>().unwrap(),
            [number, "min"] => number.parse().unwrap(),
            _ => 0,
        })
        .sum()
}

fn told(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}

/// Un capítulo, y los que hay en su carpeta: `mas_alla.md` y `mas_alla/poll.md`…
fn with_its_sections(chapter: &str) -> Vec<PathBuf> {
    let source = book().join("src");
    let folder = fs::read_dir(source.join(chapter.trim_end_matches(".md")));
    let sections = folder.into_iter().flatten().map(|entry| entry.unwrap().path());
    let chapters = sections.chain([source.join(chapter)]);
    chapters.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

/// Lo que un capítulo dice que se tarda en leer, si lo dice: el suyo, o el de la lección que incluye.
fn reading_time(chapter: &PathBuf) -> Option<u32> {
    let mut text = fs::read_to_string(chapter).unwrap();
    if let Some(lesson) = text.strip_prefix("{{#include ").and_then(|rest| rest.split("}}").next())
    {
        text = fs::read_to_string(chapter.with_file_name(lesson)).unwrap();
    }
    let (_, rest) = text.split_once("*Tiempo: unos ")?;
    rest.split(' ').next()?.parse().ok()
}

#[test]
fn la_portada_dice_cuánto_se_tarda() {
    let cover = fs::read_to_string(book().join("src/portada.md")).unwrap();
    let (_, table) = cover.split_once("| parte | leer | ejecutar | ejercicios |\n").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').collect())
        .collect();
    let (total, parts) = rows.split_last().unwrap();
    assert!(parts.len() > 5, "no se encuentran las partes");
    let mut wrong = Vec::new();
    for part in parts {
        let chapter = part[0].split_once("](").unwrap().1.split_once(')').unwrap().0;
        let times = with_its_sections(chapter).iter().map(reading_time).collect::<Option<Vec<_>>>();
        let right = times.map(|times| told(times.iter().sum()));
        wrong.extend(right.filter(|right| part[1].trim() != right).map(|it| (chapter, it)));
    }
    for (column, title) in [(1, "en total, leer"), (2, "ejecutar"), (3, "ejercicios")] {
        let sum: u32 = parts.iter().map(|part| minutes(part[column])).sum();
        // Los ejercicios se cuentan por medias horas.
        let sum = if column == 3 { (sum + 15) / 30 * 30 } else { sum };
        let right = format!("**{}**", told(sum));
        wrong.extend((total[column].trim() != right).then_some((title, right)));
    }
    assert!(wrong.is_empty(), "src/portada.md, «Cuánto se tarda», debe decir: {wrong:#?}");
}
