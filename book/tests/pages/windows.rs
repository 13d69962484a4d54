//! Las ventanas: cada grabación se muestra, y cada enlace a un paso lleva al que dice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libro::windows;
use ventana::open;
use ventana::recording::Record;

use crate::book::{book, built};

/// Lo que puede pesar la página de una ventana, en bytes.
const HEAVIEST: u64 = 2_000_000;

/// Un enlace a un paso: en qué página está, a cuál lleva y qué dice de él.
struct Link {
    from: String,
    recording: String,
    step: usize,
    title: String,
}

#[test]
fn cada_grabación_está_en_una_ventana_y_en_una_sola() {
    let mut shown = Vec::new();
    for page in &built().pages {
        let html = built().html(page);
        let names =
            html.split("data-grabacion=\"").skip(1).filter_map(|rest| rest.split('"').next());
        shown.extend(names.map(str::to_owned));
    }
    shown.sort();
    let recorded = windows::recordings(book()).unwrap();
    let recorded: Vec<String> = recorded.into_iter().map(|recording| recording.name).collect();
    assert!(!recorded.is_empty());
    assert_eq!(shown, recorded, "las que se muestran, y las que hay");
}

#[test]
fn cada_ventana_pesa_poco_y_no_dice_dónde_se_grabó() {
    for recording in windows::recordings(book()).unwrap() {
        let page = built().folder().join(format!("{}/{}.html", windows::FOLDER, recording.name));
        let weight = fs::metadata(&page).unwrap().len();
        assert!(weight < HEAVIEST, "{}: {weight} bytes", recording.name);
        let opened = open::open(&recording.path).unwrap();
        let told = opened.records.iter().flat_map(places);
        let outside: Vec<&str> = told.filter(|place| Path::new(place).is_absolute()).collect();
        assert!(outside.is_empty(), "{}: {outside:?}", recording.path.display());
    }
}

/// Lo que puede decir dónde se grabó: la orden, y los archivos de código.
fn places(record: &Record) -> Vec<&str> {
    match record {
        Record::Recording(header) => header.command.iter().map(String::as_str).collect(),
        Record::Source { file, .. } => vec![file.as_str()],
        Record::Call(call) => call.at.iter().filter_map(|place| place.file.as_deref()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn cada_enlace_a_un_paso_lleva_al_que_dice() {
    let links: Vec<Link> = built().pages.iter().flat_map(|page| links(&page.file)).collect();
    assert!(links.len() > 10, "¿solo {} enlaces a un paso?", links.len());
    let steps: BTreeMap<String, Vec<String>> = windows::recordings(book())
        .unwrap()
        .iter()
        .map(|recording| (recording.name.clone(), windows::steps(recording).unwrap()))
        .collect();
    let wrong: Vec<String> = links.iter().filter_map(|link| fault(link, &steps)).collect();
    assert!(wrong.is_empty(), "enlaces a un paso que es otro:\n{}", wrong.join("\n"));
}

/// Los de una página, que llevan en su título con qué palabras empieza el paso, o cuáles dice.
fn links(file: &str) -> Vec<Link> {
    let html = fs::read_to_string(built().folder().join(file)).unwrap();
    let found = html.split("<a ").skip(1).filter_map(|rest| {
        let attribute = |name: &str| {
            let tag = rest.split('>').next()?;
            tag.split_once(&format!("{name}=\""))?.1.split('"').next()
        };
        let (_, address) = attribute("href")?.split_once(&format!("{}/", windows::FOLDER))?;
        let (recording, step) = address.split_once(".html#paso=")?;
        Some(Link {
            from: file.to_owned(),
            recording: recording.to_owned(),
            step: step.parse().ok()?,
            title: unescaped(attribute("title").unwrap_or_default()),
        })
    });
    found.collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn fault(link: &Link, steps: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let Link { from, recording, step, title } = link;
    let steps = steps.get(recording)?;
    let said = step.checked_sub(1).and_then(|index| steps.get(index)).map_or("", |said| said);
    if !title.is_empty() && said.contains(title.as_str()) {
        return None;
    }
    let right: Vec<String> = steps
        .iter()
        .zip(1..)
        .filter(|(said, _)| said.contains(title.as_str()))
        .map(|(_, number): (_, usize)| number.to_string())
        .take(8)
        .collect();
    Some(format!(
        "{from}: {recording}, paso {step}: «{title}», y es «{said}»; lo dicen: {}",
        right.join(", ")
    ))
}

#[test]
fn los_enlaces_a_pasos_son_de_ventanas_que_están_en_su_página() {
    for page in &built().pages {
        let html = built().html(page);
        let named: BTreeSet<String> =
            links(&page.file).into_iter().map(|link| link.recording).collect();
        for name in named {
            let frame = format!("name=\"ventana-{name}\"");
            assert!(html.contains(&frame), "{}: enlaza pasos de {name}, que no muestra", page.file);
        }
    }
}
