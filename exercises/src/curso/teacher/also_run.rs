//! Qué más se ejecuta al compilar una carpeta que quizá no es de quien la revisa.
//!
//! Lo que trae el curso está escrito aquí, y no se lee de sus archivos: esta herramienta se compila en
//! la misma carpeta que revisa, y los leería ya cambiados. Una prueba comprueba que sea lo que trae.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use multiplexacion::cli;
use serde::Deserialize;

use crate::build::cargo;
use crate::course::Course;

/// Lo que dice el `.cargo/config.toml` del curso, además de sus alias, que no se obedecen al compilar.
const CONFIG: [&str; 4] = [
    "[env]",
    r#"RUST_TEST_THREADS = "6""#,
    "[target.x86_64-unknown-linux-gnu]",
    r#"rustflags = ["-Clink-arg=-Wl,-z,separate-code"]"#,
];

/// Los paquetes del curso de los que dependen otros.
const OWN: [&str; 7] =
    ["ejercicios", "errors", "harness", "launcher", "multiplexacion", "prose", "ventana"];

/// Lo que el curso pide a crates.io. Quien le añada algo, que lo añada también aquí.
const CRATES: &str = "\
    addr2line assert_cmd base64 chrono clap compio crossterm csv diffy fastrand flate2 foldhash \
    getrandom hdrhistogram httparse httpdate humantime indicatif insta mdbook-driver memchr mio \
    nix object opener pikchr proc-macro2 procfs proptest proxy-header pulldown-cmark quick-junit \
    redis regex-lite roxmltree rustix serde serde_json similar socket2 strsim tempfile textwrap \
    tokio tokio-stream tokio-util unicode-width vt100 vte zip";

/// crates.io, como lo nombra cargo(1).
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Los `Cargo.toml` desde los que se compila: el de `cargo curso`, y el de los ejercicios.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "exercises/Cargo.toml"];

/// Lo dice, si hay algo.
pub(super) fn warn(course: &Course) {
    let also = also_run(course.repository());
    if !also.is_empty() {
        let also: Vec<_> = also.into_iter().collect();
        cli::complain(&format!(
            "curso: compilar esta carpeta ejecuta también, con tu usuario y sin aislar, {}. Si no es \
             tuya, califícala desde tu copia: cargo curso clase CARPETA",
            also.join(", ")
        ));
    }
}

/// Lo que cargo ejecuta u obedece al compilar, y el curso no trae.
fn also_run(repository: &Path) -> BTreeSet<String> {
    let repository = repository.canonicalize().unwrap_or_else(|_| repository.to_owned());
    let mut also = settings(&repository);
    let mut packages = Vec::new();
    for manifest in MANIFESTS {
        let file = repository.join(manifest);
        match packages_of(&file) {
            Some(more) => packages.extend(more),
            None => _ = also.insert(format!("{manifest}, que cargo no entiende")),
        }
        if patches(&fs::read_to_string(&file).unwrap_or_default()) {
            also.insert(format!("lo que cambia [patch] en {manifest}"));
        }
    }
    also.extend(packages.iter().flat_map(|package| package.also_run(&repository)));
    also.extend(packages.iter().flat_map(|package| package.foreign(&packages, &repository)));
    also
}

/// La configuración de cargo y la de rustup. Las dos se buscan desde donde se da la orden hacia
/// arriba: la carpeta del curso, la de los ejercicios (de ella parte `cargo curso`), o la de uno.
fn settings(repository: &Path) -> BTreeSet<String> {
    let exercises = fs::read_dir(repository.join("exercises")).into_iter().flatten().flatten();
    let exercises = exercises.map(|entry| Path::new("exercises").join(entry.file_name()));
    let folders = exercises.chain(["", "exercises"].map(PathBuf::from));
    let changes = |name: &PathBuf| {
        let file = repository.join(name);
        let is_config = name.parent().is_some_and(|folder| folder.ends_with(".cargo"));
        if is_config { adds(&fs::read_to_string(file).unwrap_or_default()) } else { file.exists() }
    };
    let names = [".cargo/config.toml", ".cargo/config", "rust-toolchain", "rust-toolchain.toml"];
    let files = folders.flat_map(|folder| names.map(|name| folder.join(name)));
    files.filter(changes).map(|name| name.display().to_string()).collect()
}

/// Si una configuración de cargo dice algo que la del curso no dice.
fn adds(config: &str) -> bool {
    let mut in_alias = false;
    config.trim_start_matches('\u{FEFF}').lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            in_alias = line == "[alias]";
        }
        !in_alias && !line.is_empty() && !line.starts_with('#') && !CONFIG.contains(&line)
    })
}

/// Si un `Cargo.toml` cambia unas dependencias por otras con el mismo nombre.
fn patches(manifest: &str) -> bool {
    let is_key =
        |rest: &str| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(['.', ']', '=']);
    manifest.lines().any(|line| {
        let key = line.trim_start_matches(|it: char| it.is_whitespace() || "[\"'".contains(it));
        ["patch", "replace"].iter().any(|name| key.strip_prefix(name).is_some_and(is_key))
    })
}

/// Los paquetes que se compilan desde un `Cargo.toml`, según cargo; nada, si no lo entiende. Para
/// decirlo no ejecuta nada de ellos. Y en `/`, no obedece la configuración de su carpeta.
fn packages_of(manifest: &Path) -> Option<Vec<Package>> {
    let mut command = Command::new(cargo());
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = command.arg("--manifest-path").arg(manifest).current_dir("/").output().ok()?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).ok()?;
    Some(metadata.packages)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// De qué registro o repositorio viene; nada, si es una carpeta.
    source: Option<String>,
    path: Option<PathBuf>,
}

impl Package {
    /// Lo suyo que se ejecuta al compilar: el programa de antes, se llame como se llame, y sus macros.
    fn also_run(&self, repository: &Path) -> impl Iterator<Item = String> {
        let runs = |target: &&Target| {
            target.kind.iter().any(|kind| ["custom-build", "proc-macro"].contains(&kind.as_str()))
        };
        self.targets.iter().filter(runs).map(|target| shown(&target.src_path, repository))
    }

    /// Aquello de lo que depende y el curso no: también puede traer programas y macros.
    fn foreign(&self, all: &[Package], repository: &Path) -> impl Iterator<Item = String> {
        let manifest = shown(&self.manifest_path, repository);
        let foreign = self.dependencies.iter().filter(|it| !it.is_of_the_course(all));
        foreign.map(move |it| format!("{} (de {manifest})", it.name))
    }
}

impl Dependency {
    fn is_of_the_course(&self, packages: &[Package]) -> bool {
        let name = self.name.as_str();
        match (&self.source, &self.path) {
            (Some(source), _) => source == CRATES_IO && CRATES.split(' ').any(|it| it == name),
            (None, Some(path)) => {
                let mut folders = packages.iter().filter_map(|it| it.manifest_path.parent());
                OWN.contains(&name) && folders.any(|folder| folder == path)
            }
            (None, None) => false,
        }
    }
}

fn shown(file: &Path, repository: &Path) -> String {
    file.strip_prefix(repository).unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::course::write;

    const ROOT: &str =
        "[workspace]\nresolver = \"3\"\nmembers = [\"exercises\", \"tests/harness\"]\n";
    const HARNESS: &str = "[package]\nname = \"harness\"\n";
    const EXERCISES: &str = "[package]\nname = \"ejercicios\"\n";
    const DEPENDENCIES: &str =
        "[dependencies]\nserde = \"1\"\nharness = { path = \"../tests/harness\" }\n";

    /// Una carpeta con esos archivos.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            write(&file, text).unwrap();
        }
        folder
    }

    /// Lo que se dice de una carpeta como la del curso, con esos archivos en ella.
    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let manifest = format!("{EXERCISES}{DEPENDENCIES}");
        let course = [
            ("fuera/Cargo.toml", HARNESS),
            ("fuera/src/lib.rs", ""),
            ("curso/Cargo.toml", ROOT),
            ("curso/exercises/Cargo.toml", &manifest),
            ("curso/exercises/src/lib.rs", ""),
            ("curso/exercises/src/build.rs", "//! Un módulo.\n"),
            ("curso/tests/harness/Cargo.toml", HARNESS),
            ("curso/tests/harness/src/lib.rs", ""),
            ("curso/target/x/build.rs", "fn main() {}\n"),
        ];
        let folder = folder(&[&course, files].concat());
        also_run(&folder.path().join("curso")).into_iter().collect()
    }

    /// Lo que se dice de la configuración, si hay esos archivos.
    fn set(files: &[(&str, &str)]) -> Vec<String> {
        settings(folder(files).path()).into_iter().collect()
    }

    /// Lo que se dice si el `Cargo.toml` de los ejercicios acaba así.
    fn depending(more: &str) -> Vec<String> {
        said(&[("curso/exercises/Cargo.toml", &format!("{EXERCISES}{more}\n"))])
    }

    #[test]
    fn del_propio_curso_no_hay_nada_que_decir() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(
            also_run(root),
            BTreeSet::new(),
            "si el curso lo trae, va en las listas de aquí"
        );
        assert!(said(&[]).is_empty());
    }

    #[test]
    fn de_la_configuración_se_dice_lo_que_no_es_del_curso() {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cargo/config.toml");
        let ours = fs::read_to_string(ours).unwrap();
        let config = ".cargo/config.toml";
        for same in
            [ours.replace('\n', "\r\n"), format!("\u{FEFF}{ours}"), "[alias]\nx = \"run\"\n".into()]
        {
            assert!(set(&[(config, &same)]).is_empty(), "{same}");
        }
        for more in [
            "[build]\nrustc-wrapper = \"./x\"\n",
            "[target.x86_64-unknown-linux-gnu]\nlinker = \"./x\"\n",
            "[env]\nRUST_TEST_THREADS = \"1\"\n",
            "[ 'build' ]\nrustc='./x'\n",
        ] {
            assert_eq!(set(&[(config, &format!("{ours}{more}"))]), [config], "{more}");
        }
        assert_eq!(set(&[(config, &format!("build.rustc = \"./x\"\n{ours}"))]), [config]);
    }

    #[test]
    fn la_configuración_se_busca_donde_la_busca_cargo() {
        let wrapper = "[build]\nrustc-wrapper = \"./x\"\n";
        for name in [
            ".cargo/config",
            "exercises/.cargo/config.toml",
            "exercises/.cargo/config",
            "exercises/02_02_1_eco/.cargo/config.toml",
            "rust-toolchain",
            "rust-toolchain.toml",
            "exercises/rust-toolchain.toml",
        ] {
            assert_eq!(set(&[(name, wrapper)]), [name]);
        }
    }

    #[test]
    fn los_programas_que_se_ejecutan_antes_de_compilar_se_dicen() {
        let program = "fn main() {}\n";
        assert_eq!(said(&[("curso/exercises/build.rs", program)]), ["exercises/build.rs"]);
        for key in ["build=\"x.rs\"", "build = \"x.rs\"", "\"build\"\t=  'x.rs'"] {
            assert_eq!(depending(key), ["exercises/x.rs"], "{key}");
        }
        let macros = format!("{HARNESS}[lib]\nproc-macro=true\n");
        assert_eq!(
            said(&[("curso/tests/harness/Cargo.toml", &macros)]),
            ["tests/harness/src/lib.rs"]
        );
    }

    #[test]
    fn las_dependencias_que_el_curso_no_tiene_se_dicen() {
        for dependency in [
            "[dependencies]\nmala = \"1\"",
            "[dev-dependencies]\nmala={path=\"../../fuera\"}",
            "[build-dependencies.mala]\ngit = \"https://ejemplo.es/mala\"",
            "[target.'cfg(unix)'.dependencies]\nserde = { package = \"mala\", version = \"1\" }",
        ] {
            assert_eq!(depending(dependency), ["mala (de exercises/Cargo.toml)"], "{dependency}");
        }
    }

    #[test]
    fn una_dependencia_del_curso_que_viene_de_otro_sitio_se_dice() {
        for dependency in [
            "harness = { path = \"../../fuera\" }",
            "harness = \"1\"",
            "harness = { git = \"https://ejemplo.es/harness\" }",
        ] {
            let said = depending(&format!("[dependencies]\n{dependency}"));
            assert_eq!(said, ["harness (de exercises/Cargo.toml)"], "{dependency}");
        }
        for patch in ["[patch.crates-io]", "[ patch . \"crates-io\" ]", "[\"patch\".crates-io]"] {
            let root = format!("{ROOT}{patch}\nserde = {{ path = \"../fuera\" }}\n");
            assert_eq!(
                said(&[("curso/Cargo.toml", &root)]),
                ["lo que cambia [patch] en Cargo.toml"]
            );
        }
    }

    #[test]
    fn lo_que_cargo_no_entiende_también_se_dice() {
        assert_eq!(depending("[")[..1], ["Cargo.toml, que cargo no entiende"]);
    }
}
