//! El muro: lo que compila o ejecuta código de otra persona va detrás.
//!
//! Lo levanta bubblewrap (bwrap(1)) con espacios de nombres del núcleo. Detrás hay un sistema de
//! archivos de solo lectura con lo que hace falta y nada más, una carpeta en memoria con un tope, un
//! «localhost» que no lleva a ninguna parte, ningún otro proceso, el entorno vacío y los límites de
//! prlimit(1). Quien está dentro no es root, ni tiene capacidades, ni puede llegar a tenerlas: de eso
//! depende que no se lea la memoria de quien lo juzga. Al terminar su primer proceso, el núcleo
//! termina los demás.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use multiplexacion::cli::Trouble;

use super::allowance::{Allowance, DESK};
use super::guard::{Guard, SLACK, Trail};
use crate::group::{self, gather, joined};

/// El de la distribución: en Ubuntu, el que AppArmor conoce.
const BWRAP: &str = "/usr/bin/bwrap";

/// El primero de los usuarios que no son nadie, y cuántos hay: si `clase` es root, cada orden se da
/// como uno distinto, para que a cada una le cuenten sus procesos.
const FIRST_NOBODY: u32 = 61_184;
const NOBODIES: u32 = 4_000;

/// Lo que se ve desde dentro: la carpeta o el archivo de fuera, y su nombre dentro.
pub(super) type View = (PathBuf, &'static str);

/// Dónde se ejecuta lo de otra persona.
#[derive(Debug)]
pub(super) enum Wall {
    /// Tras el muro. `locked`: dentro no se pueden crear espacios de nombres de usuario. En `gate` dice
    /// bwrap qué procesos arrancó.
    Up { root: bool, locked: bool, gate: PathBuf },
    /// Sin muro, por haberlo pedido: los límites, y una carpeta de un solo uso.
    Down { scratch: PathBuf },
}

impl Wall {
    /// Levanta el muro y comprueba que se tiene en pie. `gate` es una carpeta vacía.
    ///
    /// # Errors
    /// El sistema no lo permite: qué falta, y cómo conseguirlo.
    pub(super) fn raise(gate: PathBuf) -> Result<Wall, Trouble> {
        let Ok(help) = Command::new(BWRAP).arg("--help").output() else {
            return Err(missing("falta bubblewrap", "sudo apt-get install bubblewrap"));
        };
        let help = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).into_owned();
        if !help.contains("--size") {
            return Err(missing(
                "este bubblewrap es anterior al 0.7",
                "sudo apt upgrade bubblewrap",
            ));
        }
        let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        let wall = Wall::Up { root, locked: help.contains("--disable-userns"), gate };
        let said = wall.hear(&[], &["true".into()], &Arc::default())?;
        if said.success { Ok(wall) } else { Err(why_not(&said.errors)) }
    }

    /// Sin muro: `scratch` es donde escribirá lo que se ejecute.
    pub(super) fn none(scratch: PathBuf) -> Wall {
        Wall::Down { scratch }
    }

    /// Cómo se llama desde donde se ejecuta lo que fuera es `outside`, y dentro `inside`.
    pub(super) fn seen(&self, outside: &Path, inside: &str) -> PathBuf {
        match self {
            Wall::Up { .. } => inside.into(),
            Wall::Down { .. } => outside.to_owned(),
        }
    }

    /// Dónde puede escribir lo que se ejecuta.
    pub(super) fn desk(&self) -> &Path {
        match self {
            Wall::Up { .. } => Path::new(DESK),
            Wall::Down { scratch } => scratch,
        }
    }

    /// Lo que dice una orden corta.
    pub(super) fn hear(
        &self,
        views: &[View],
        words: &[OsString],
        stop: &Arc<AtomicBool>,
    ) -> Result<Said, Trouble> {
        let allowed = Allowance::GLIMPSE;
        let (mut command, trail) = self.command(&allowed, views, words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let guard = Guard::post(trail, allowed, stop);
        let mut child = command.spawn()?;
        let output = gather(child.stdout.take(), beginning);
        let errors = gather(child.stderr.take(), beginning);
        let status = group::wait(&mut child, allowed.time, stop)?;
        guard.dismiss();
        let success = status.is_some_and(|status| status.success());
        Ok(Said { success, output: joined(output), errors: joined(errors) })
    }

    /// Una orden que se ejecuta ahí, y ve `views`, para leer; y cómo encontrar lo que arranque.
    pub(super) fn command(
        &self,
        allowed: &Allowance,
        views: &[View],
        words: &[OsString],
    ) -> (Command, Trail) {
        let limits = allowed.limits(matches!(self, Wall::Up { .. }));
        let (mut command, trail) = match self {
            Wall::Up { root, locked, gate } => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let status = gate.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
                let mut command = Command::new("/bin/sh");
                // Descriptores: más de los que necesita ningún ejercicio, y que quien vigila pueda contar. Si
                // ya se permiten menos, se queda así.
                command
                    .args(["-c", "ulimit -n 4096 2>/dev/null; exec 3>\"$0\"; exec \"$@\""])
                    .arg(&status);
                command.args([BWRAP, "--json-status-fd", "3"]);
                command.args(enclosure(allowed.disk, views));
                if *root {
                    command.args(["--cap-drop", "ALL"]);
                    for needed in ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] {
                        command.args(["--cap-add", needed]);
                    }
                } else {
                    command.arg("--unshare-user");
                    command.args(locked.then_some("--disable-userns"));
                }
                command.args(["--", "prlimit"]).args(limits).arg("--");
                command.args(root.then(to_nobody).into_iter().flatten());
                // Por si quien vigila desde fuera muere antes de que bwrap se entere de que ha de morir con
                // él: dentro tampoco se dura para siempre.
                let most = (allowed.time + SLACK * 3).as_secs().to_string();
                command.args(["timeout", "-s", "KILL", &most]);
                (command, Trail::Told(status))
            }
            Wall::Down { scratch } => {
                let mut command = Command::new("prlimit");
                command.args(limits).arg("--").current_dir(scratch);
                (command, Trail::Mine)
            }
        };
        command.args(words).env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("HOME", self.desk()).env("TMPDIR", self.desk()).stdin(Stdio::null());
        (command, trail)
    }
}

/// Lo que dijo una orden.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) output: String,
    pub(super) errors: String,
}

/// Lo primero que llega por una tubería. Lo demás se lee y se olvida, para que nadie se detenga.
pub(super) fn beginning(mut pipe: impl Read) -> String {
    const LONGEST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
    let _ = io::copy(&mut pipe, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lo que hay dentro, en palabras de bwrap(1).
fn enclosure(disk: u64, views: &[View]) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut say = |some: &[&str]| words.extend(some.iter().map(OsString::from));
    say(&["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
    say(&["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "aula"]);
    say(&["--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local"]);
    for folder in ["/bin", "/sbin", "/lib", "/lib32", "/lib64"] {
        match fs::read_link(folder) {
            Ok(target) => say(&["--symlink", &target.to_string_lossy(), folder]),
            Err(_) => say(&["--ro-bind-try", folder, folder]),
        }
    }
    // Sin decirlo, la crearía para nadie más.
    say(&["--perms", "0755", "--dir", "/etc"]);
    say(&["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]);
    say(&["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]);
    say(&["--proc", "/proc", "--dev", "/dev"]);
    // bwrap no les pone tope; y /dev y la raíz también son carpetas en memoria.
    for (folder, size) in [("/dev/shm", disk / 4), (DESK, disk)] {
        say(&["--size", &size.to_string(), "--perms", "1777", "--tmpfs", folder]);
    }
    for (outside, inside) in views {
        words.extend(["--ro-bind".into(), outside.clone().into_os_string(), inside.into()]);
    }
    let rest = ["--remount-ro", "/usr/local", "--remount-ro", "/dev", "--remount-ro", "/"];
    words.extend(rest.iter().map(OsString::from));
    words.extend(["--chdir".into(), DESK.into()]);
    words
}

/// De root a nadie: ningún grupo, ninguna capacidad, y ningún camino de vuelta (setpriv(1)).
fn to_nobody() -> Vec<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let turn =
        std::process::id().wrapping_mul(61).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let id = FIRST_NOBODY + turn % NOBODIES;
    let mut words: Vec<_> =
        ["setpriv", "--clear-groups", "--no-new-privs"].map(str::to_owned).into();
    words.extend(["--inh-caps=-all", "--bounding-set=-all"].map(str::to_owned));
    words.extend([format!("--reuid={id}"), format!("--regid={id}")]);
    words
}

fn missing(what: &str, order: &str) -> Trouble {
    Trouble::new(
        format!("no se puede aislar lo que se ejecuta: {what}"),
        format!(
            "en Debian o Ubuntu, «{order}»; o, donde no haya nada que perder, califica con --sin-aislar"
        ),
    )
}

/// Por qué no se levanta: lo que dijo bwrap, y lo que se sabe de este núcleo.
fn why_not(said: &str) -> Trouble {
    let set =
        |file: &str, value: &str| fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    if set("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return missing(
            "AppArmor no deja a bubblewrap crear espacios de nombres, como en Ubuntu 24.04",
            "sudo apt-get install apparmor-profiles && sudo install -m 0644 /usr/share/apparmor/\
             extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && sudo apparmor_parser -r \
             /etc/apparmor.d/bwrap-userns-restrict",
        );
    }
    if set("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return missing(
            "este núcleo solo deja crear espacios de nombres a root",
            "sudo sysctl kernel.unprivileged_userns_clone=1",
        );
    }
    let said = said.trim();
    let said = if said.is_empty() { "no se sabe por qué" } else { said };
    Trouble::new(
        format!("no se puede aislar lo que se ejecuta: bubblewrap no arranca ({said})"),
        "si esto es un contenedor, dale permiso para crear espacios de nombres o califica fuera de \
         él; o, donde no haya nada que perder, califica con --sin-aislar",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::tools;

    /// Lo que dice `script` desde dentro; nada, si aquí no se puede levantar.
    fn said(script: &str) -> Option<String> {
        let gate = tempfile::TempDir::new().unwrap();
        let wall = match Wall::raise(gate.path().to_owned()) {
            Ok(wall) => wall,
            Err(trouble) => {
                tools::missing(&trouble.to_string(), "el muro de «clase»").unwrap();
                return None;
            }
        };
        let words = ["sh", "-c", script].map(OsString::from);
        let said = wall.hear(&[], &words, &Arc::default()).unwrap();
        Some(said.output + &said.errors)
    }

    #[test]
    fn dentro_no_se_es_root_ni_se_puede_llegar_a_serlo() {
        let Some(text) =
            said("id -u; grep -E 'Cap|NoNewPrivs' /proc/self/status; setpriv --reuid=0 id -u")
        else {
            return;
        };
        assert!(!text.starts_with("0\n"), "{text}");
        let caps = text.lines().filter(|line| line.starts_with("Cap"));
        assert!(
            caps.clone().count() == 5 && caps.clone().all(|line| line.ends_with("0000")),
            "{text}"
        );
        assert!(text.contains("NoNewPrivs:\t1"), "{text}");
        assert!(!text.lines().any(|line| line == "0"), "{text}");
    }

    #[test]
    fn dentro_solo_hay_donde_escribir_lo_justo() {
        let fill = "for d in / /dev /usr /usr/local /proc /etc; do touch $d/x 2>/dev/null && echo mal $d; done
            for d in /tmp /dev/shm; do i=0; while head -c 8000000 /dev/zero >$d/$i 2>/dev/null; do i=$((i+1)); done; du -m $d | cut -f1; done";
        let Some(text) = said(fill) else { return };
        let sizes: Vec<_> = text.lines().collect();
        let most = Allowance::GLIMPSE.disk >> 20;
        assert_eq!(sizes, [most.to_string(), (most / 4).to_string()]);
    }

    #[test]
    fn la_red_los_procesos_y_lo_demás_son_otros() {
        let Some(text) = said("for s in net pid ipc uts mnt; do readlink /proc/self/ns/$s; done")
        else {
            return;
        };
        assert_eq!(text.lines().count(), 5, "{text}");
        for space in text.lines() {
            let name = space.split(':').next().unwrap();
            let ours = fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
            assert_ne!(ours.to_str().unwrap(), space);
        }
    }

    #[test]
    fn dentro_no_hay_red_ni_archivos_ni_entorno_ni_procesos_de_fuera() {
        let Some(text) = said(
            "tail -n +3 /proc/net/dev | cut -d: -f1; ls /; ls /home /root /srv 2>&1 | wc -l; env | sort; ls /proc | grep -c '^[0-9]'",
        ) else {
            return;
        };
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], "lo");
        assert!(!lines.contains(&"home") && !lines.contains(&"root"), "{text}");
        let names = lines.iter().filter(|line| line.contains('='));
        assert_eq!(names.count(), 5, "{text}");
        assert!(lines.last().unwrap().parse::<u32>().unwrap() < 8, "{text}");
    }
}
