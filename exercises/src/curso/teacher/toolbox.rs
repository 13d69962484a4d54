//! Lo que hace falta para compilar un ejercicio sin cargo: las dependencias, que son de este curso y
//! se compilan una vez y fuera del muro, y la instalación de Rust.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use multiplexacion::cli::Trouble;
use serde::Deserialize;

use super::wall::View;
use crate::build::{Built, NotBuilt, cargo};
use crate::course::Course;
use crate::workshop;

/// Cómo se llama la carpeta de las dependencias desde detrás del muro, y la de Rust.
pub(super) const LIBRARIES: &str = "/dependencias";
pub(super) const TOOLCHAIN: &str = "/rust";

/// El paquete que reúne las dependencias.
const PACKAGE: &str = "clase";

/// Con qué se compila.
#[derive(Debug)]
pub(super) struct Toolbox {
    /// La instalación de Rust.
    toolchain: PathBuf,
    /// Una carpeta con las bibliotecas y nada más: en `target/` hay también soluciones compiladas.
    libraries: PathBuf,
    /// Las que se pueden nombrar: el nombre, y el archivo.
    named: BTreeMap<String, OsString>,
}

impl Toolbox {
    /// Compila las dependencias, si hace falta, y las reúne.
    ///
    /// # Errors
    /// No se pueden compilar, o no hay Rust.
    pub(super) fn assemble(course: &Course, stop: &Arc<AtomicBool>) -> Result<Toolbox, Trouble> {
        let built = workshop::prepare(course, PACKAGE, &[])?.aloud().unless(stop).run()?;
        let libraries = workshop::empty(course, "dependencias")?;
        let (host, toolchain) = installation(course)?;
        let direct = direct(&workshop::folder(course, PACKAGE), &host)?;
        let mut named = BTreeMap::new();
        for library in &built.libraries {
            let Some(file) = library.file.file_name() else { continue };
            let copy = libraries.join(file);
            fs::copy(&library.file, &copy)?;
            // Detrás del muro las lee otro usuario.
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
            if let Some(name) = direct.get(&library.package) {
                named.insert(name.clone(), file.to_owned());
            }
        }
        fs::set_permissions(&libraries, fs::Permissions::from_mode(0o755))?;
        if named.len() < direct.len() {
            return Err(not_built(&built));
        }
        Ok(Toolbox { toolchain, libraries, named })
    }

    /// Lo que ha de verse desde detrás del muro.
    pub(super) fn views(&self) -> [View; 2] {
        [(self.libraries.clone(), LIBRARIES), (self.toolchain.clone(), TOOLCHAIN)]
    }

    /// Cómo se llaman las que se pueden nombrar.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    pub(super) fn toolchain(&self) -> &Path {
        &self.toolchain
    }

    pub(super) fn libraries(&self) -> &Path {
        &self.libraries
    }

    /// Las palabras con que rustc encuentra las bibliotecas, que están en `folder`.
    pub(super) fn externs(&self, folder: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["-L".into(), prefixed("dependency=", folder)];
        for (name, file) in &self.named {
            words.push("--extern".into());
            words.push(prefixed(&format!("{name}="), &folder.join(file)));
        }
        words
    }
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut word = OsString::from(prefix);
    word.push(path);
    word
}

fn not_built(built: &Built) -> Trouble {
    let said = match built.executable(PACKAGE) {
        Err(why @ NotBuilt::Cargo(_)) => why.text().to_owned(),
        _ => "se dejó a medias".to_owned(),
    };
    Trouble::new(
        format!("no se pueden compilar las dependencias: {said}"),
        "comprueba que «cargo curso verificar» funciona en esta copia",
    )
}

/// Para qué máquina compila el Rust de este curso, y dónde está.
fn installation(course: &Course) -> Result<(String, PathBuf), Trouble> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print=host-tuple", "--print=sysroot"])
        .current_dir(course.repository())
        .output();
    let said = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let lines = said.as_deref().and_then(|said| said.trim_end().split_once('\n'));
    let found = lines.map(|(host, folder)| (host.to_owned(), PathBuf::from(folder)));
    found.filter(|(_, folder)| folder.join("bin/rustc").exists()).ok_or_else(|| {
        Trouble::new("no se encuentra rustc", "instala Rust con rustup (https://rustup.rs)")
    })
}

/// Los paquetes que usa el que está en `folder`, y cómo los llama.
fn direct(folder: &Path, host: &str) -> Result<BTreeMap<String, String>, Trouble> {
    let mut command = Command::new(cargo());
    command.args(["metadata", "--format-version", "1", "--offline"]);
    // Sin eso, querría también lo que solo hace falta en otras máquinas.
    command.args(["--filter-platform", host, "--manifest-path"]);
    let output = command.arg(folder.join("Cargo.toml")).output()?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|_| {
        Trouble::new(
            format!(
                "cargo no dice qué dependencias hay: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ),
            "comprueba que «cargo curso verificar» funciona en esta copia",
        )
    })?;
    let resolve = metadata.resolve;
    let root = resolve.nodes.into_iter().find(|node| Some(&node.id) == resolve.root.as_ref());
    let used = root.map(|node| node.deps).unwrap_or_default();
    Ok(used.into_iter().map(|used| (used.pkg, used.name)).collect())
}

/// Lo que interesa de `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    pkg: String,
}
