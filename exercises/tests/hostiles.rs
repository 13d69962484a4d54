//! `cargo curso clase` ante entregas hostiles: cada una recibe la marca que merece, no daña a nadie, y
//! las honradas que van a su lado reciben la suya.
//!
//! Cada archivo de `hostiles/` hace de `ejercicio.rs` de 02_02_1_eco. Su cabecera dice qué intenta, qué
//! merece (`*` es cualquier marca que no sea un aprobado; con «o», la segunda es la de una máquina
//! ocupada) y, si hace falta, qué ha de leerse en su informe y qué no.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness::tools;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

const EXERCISE: &str = "02_02_1_eco";

/// Lo que tienen quien califica y nadie más.
const SECRET: &str = "el-secreto-de-quien-califica";

/// Lo más largo que puede ser un informe, en líneas.
const LONGEST: usize = 100;

/// Lo que merece una entrega.
struct Deserved {
    mark: String,
    points: String,
    says: Option<String>,
    never: Option<String>,
}

impl Deserved {
    /// Lo que dice su cabecera.
    fn read(code: &str) -> Deserved {
        let line =
            |what: &str| code.lines().find_map(|line| line.strip_prefix(&format!("//! {what}: ")));
        let (mark, points) = line("Merece").unwrap().split_once(", ").unwrap();
        Deserved {
            mark: mark.to_owned(),
            points: points.trim_end_matches(" puntos.").to_owned(),
            says: line("Dice").map(str::to_owned),
            never: line("Nunca").map(str::to_owned),
        }
    }

    fn nothing(mark: &str) -> Deserved {
        let (mark, points) = (mark.to_owned(), "0".to_owned());
        Deserved { mark, points, says: None, never: None }
    }

    fn everything() -> Deserved {
        Deserved { points: "20".to_owned(), ..Deserved::nothing("superado") }
    }
}

fn course() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Las entregas, y lo que merece cada una.
struct Class {
    house: TempDir,
    deserved: BTreeMap<String, Deserved>,
    /// Nadie debe llamar aquí.
    server: TcpListener,
}

impl Class {
    fn new() -> Class {
        let house = TempDir::new().unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        fs::write(house.path().join("secreto.txt"), SECRET).unwrap();
        Class { house, deserved: BTreeMap::new(), server }
    }

    fn place(&self, inner: &str) -> PathBuf {
        self.house.path().join(inner)
    }

    /// La carpeta de un ejercicio en una entrega nueva.
    fn exercise(&self, name: &str) -> PathBuf {
        let folder = self.place("entregas").join(name).join("exercises").join(EXERCISE);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn hand_in(&mut self, name: &str, code: &str, deserved: Deserved) {
        let port = self.server.local_addr().unwrap().port().to_string();
        let code = code
            .replace("{curso}", course().to_str().unwrap())
            .replace("{entregas}", self.place("entregas").to_str().unwrap())
            .replace("{secreto}", self.place("secreto.txt").to_str().unwrap())
            .replace("{puerto}", &port);
        fs::write(self.exercise(name).join("ejercicio.rs"), code).unwrap();
        self.deserved.insert(name.to_owned(), deserved);
    }

    /// Las de `hostiles/`, y entre ellas alguna honrada.
    fn fill(&mut self) {
        let honest = honest();
        let folder = course().join("tests/hostiles");
        for (number, entry) in fs::read_dir(folder).unwrap().flatten().enumerate() {
            let code = fs::read_to_string(entry.path()).unwrap();
            let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
            self.hand_in(&name, &code, Deserved::read(&code));
            if number % 8 == 0 {
                self.hand_in(&format!("{name}-honrada"), &honest, Deserved::everything());
            }
        }
    }

    fn grade(&self) -> Output {
        self.order().output().unwrap()
    }

    /// La orden que las califica a todas.
    fn order(&self) -> Command {
        let mut folders: Vec<_> =
            self.deserved.keys().map(|name| self.place("entregas").join(name)).collect();
        folders.sort();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curso"));
        command.arg("clase").args(folders).args(["--solo", EXERCISE, "--plazo", "12"]);
        command.arg("--csv").arg(self.place("notas.csv"));
        command.arg("--informes").arg(self.place("informes"));
        command.env("SECRETO", SECRET).env_remove("CARGO_MANIFEST_DIR");
        command.env("CURSO_CARPETA", course()).process_group(0);
        command
    }

    /// Las filas que hay escritas.
    fn rows(&self) -> usize {
        fs::read_to_string(self.place("notas.csv"))
            .map_or(0, |text| text.lines().count().saturating_sub(1))
    }

    /// La marca, los puntos y el informe de cada cual.
    fn results(&self) -> BTreeMap<String, (String, String, String)> {
        let mut reader = csv::Reader::from_path(self.place("notas.csv")).unwrap();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| {
            let report = self.place("informes").join(format!("{}.md", &row[0]));
            let report = fs::read_to_string(report).unwrap();
            (row[0].to_owned(), (row[5].to_owned(), row[2].to_owned(), report))
        })
        .collect()
    }

    /// Lo que no recibió lo que merece.
    fn injustices(&self) -> Vec<String> {
        let results = self.results();
        let wrong = self.deserved.iter().filter_map(|(name, deserved)| {
            let Some((mark, points, report)) = results.get(name) else {
                return Some(format!("{name}: no tiene fila"));
            };
            let mut marks = deserved.mark.split(" o ");
            let first = marks.clone().next() == Some(mark);
            let marked = marks.any(|it| if it == "*" { mark != "superado" } else { it == mark });
            // En una máquina que no da abasto se le acaba antes el tiempo que lo que quería agotar.
            let asked = first || deserved.mark == "*";
            let said = !asked || deserved.says.as_ref().is_none_or(|text| report.contains(text));
            let hushed = deserved.never.as_ref().is_none_or(|text| !report.contains(text));
            let fits = report.lines().count() <= LONGEST && !report.contains(SECRET);
            let just = marked && *points == deserved.points && said && hushed && fits;
            (!just).then(|| format!("{name}: {mark}, {points} puntos\n{report}"))
        });
        wrong.collect()
    }
}

fn honest() -> String {
    fs::read_to_string(course().join(EXERCISE).join("solucion.rs")).unwrap()
}

/// Los procesos que están tras algún muro: en otro espacio de nombres.
fn walled() -> Vec<String> {
    let space = |process: &Path| fs::read_link(process.join("ns/pid")).ok();
    let ours = space(Path::new("/proc/self"));
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let others = processes.filter(|process| {
        process.join("status").exists() && space(process).is_some_and(|it| Some(it) != ours)
    });
    others.map(|it| fs::read_to_string(it.join("cmdline")).unwrap_or_default()).collect()
}

/// El turno de una prueba, si aquí se puede aislar; si no, queda dicho. El taller es de una sola
/// clase a la vez.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    can_wall().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn can_wall() -> bool {
    let probe = ["--unshare-all", "--ro-bind", "/", "/", "true"];
    let walls = Command::new("/usr/bin/bwrap").args(probe).status();
    walls.is_ok_and(|status| status.success())
        || tools::missing("bubblewrap no está, o no arranca", "«clase» ante entregas hostiles")
            .unwrap()
}

/// Los nombres y tamaños de lo que hay en una carpeta.
fn listing(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let data = fs::symlink_metadata(&path)?;
        if data.is_dir() { all.extend(listing(&path)?) } else { all.push((path, data.len())) }
    }
    all.sort();
    Ok(all)
}

#[test]
fn cada_entrega_recibe_lo_que_merece_y_ninguna_daña_a_nadie() {
    let Some(_turn) = turn() else { return };
    let mut class = Class::new();
    class.fill();
    assert!(class.deserved.len() > 30);
    let before = listing(&class.place("entregas")).unwrap();
    let own = listing(&course().join(EXERCISE)).unwrap();
    let alive = walled().len();
    let output = class.grade();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let injustices = class.injustices();
    assert!(injustices.is_empty(), "{}", injustices.join("\n\n"));
    assert!(!said.contains(SECRET) && !said.contains('\u{1b}'), "{said}");
    assert_eq!(listing(&class.place("entregas")).unwrap(), before);
    assert_eq!(listing(&course().join(EXERCISE)).unwrap(), own);
    assert_eq!(fs::read_to_string(class.place("secreto.txt")).unwrap(), SECRET);
    assert_eq!(class.server.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "alguien llamó");
    // Otra clase, en otra carpeta de esta máquina, puede tener a los suyos tras su muro un momento.
    wait_until("que no quede nadie", || walled().len() <= alive);
    // Quien repite la orden no espera: todo está hecho.
    let started = Instant::now();
    assert_eq!(String::from_utf8(class.grade().stdout).unwrap(), said);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn lo_que_no_es_un_ejercicio_no_cuenta() {
    let Some(_turn) = turn() else { return };
    let mut class = Class::new();
    class.hand_in("a-honrada", &honest(), Deserved::everything());
    let other = class.place("entregas/a-honrada/exercises");
    // El trabajo de otra persona, por un enlace; y lo que cargo y git ejecutarían.
    for (name, link) in
        [("carpeta", format!("exercises/{EXERCISE}")), ("todas", "exercises".to_owned())]
    {
        let link = class.place("entregas").join(name).join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let target = if name == "todas" { other.clone() } else { other.join(EXERCISE) };
        symlink(target, link).unwrap();
        class.deserved.insert(name.to_owned(), Deserved::nothing("falta"));
    }
    class.hand_in(
        "trampas",
        "#[path = \"solucion.rs\"]\nmod s;\npub use s::*;\n",
        Deserved::nothing("no compila"),
    );
    let cheats = class.exercise("trampas");
    let mark = class.place("ejecutado");
    let script = format!("touch {}", mark.display());
    for (file, text) in [
        ("solucion.rs", honest()),
        ("pruebas.rs", "ejercicios::tests! {}\n".to_owned()),
        ("../build.rs", format!("fn main() {{ std::fs::write({mark:?}, \"\").unwrap(); }}\n")),
        ("../Cargo.toml", "[package]\nname = \"x\"\nbuild = \"build.rs\"\n".to_owned()),
        ("../../.cargo/config.toml", "[build]\nrustc-wrapper = \"/bin/false\"\n".to_owned()),
        ("../../.git/HEAD", "ref: refs/heads/main\n".to_owned()),
        (
            "../../.git/config",
            format!(
                "[core]\nfsmonitor = {script}\npager = {script}\n[gpg]\nprogram = {script}\n[log]\nshowSignature = true\n"
            ),
        ),
    ] {
        let file = cheats.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let output = class.grade();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let injustices = class.injustices();
    assert!(injustices.is_empty(), "{}", injustices.join("\n\n"));
    assert!(!mark.exists(), "se ejecutó algo de la entrega fuera del muro");
}

/// Espera a que ocurra. La primera fila espera a que se compile todo.
fn wait_until(what: &str, happens: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(400);
    while !happens() {
        assert!(Instant::now() < deadline, "no llegó a ocurrir: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn interrumpida_no_deja_a_nadie_y_repetida_sigue_donde_se_quedó() {
    let Some(_turn) = turn() else { return };
    let asleep = fs::read_to_string(course().join("tests/hostiles/bucle_al_compilar.rs")).unwrap();
    let mut class = Class::new();
    class.hand_in("a-honrada", &honest(), Deserved::everything());
    class.hand_in("b-sin-fin", &asleep, Deserved::read(&asleep));
    let alive = walled().len();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let output = class.place("salida.txt");
        let mut order = class.order();
        order.stderr(fs::File::create(&output).unwrap()).stdout(Stdio::null());
        let mut child = order.spawn().unwrap();
        wait_until("la primera fila", || class.rows() == 1);
        wait_until("que haya alguien tras el muro", || walled().len() > alive);
        killpg(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let status = child.wait().unwrap();
        wait_until("que no quede nadie", || walled().len() <= alive);
        assert_eq!(class.rows(), 1);
        if signal != Signal::SIGKILL {
            assert_eq!(status.code(), Some(1));
            let said = fs::read_to_string(&output).unwrap();
            assert!(said.contains("se interrumpió con 1 de 2 entregas calificadas"), "{said}");
        }
    }
    let report = class.place("informes/a-honrada.md");
    let graded = || fs::metadata(&report).unwrap().modified().unwrap();
    let first = graded();
    // A quien cambia lo suyo se le vuelve a calificar, y a quien no, no.
    fs::write(class.exercise("b-sin-fin").join("ejercicio.rs"), honest()).unwrap();
    class.deserved.insert("b-sin-fin".to_owned(), Deserved::everything());
    assert!(class.grade().status.success());
    let injustices = class.injustices();
    assert!(injustices.is_empty(), "{}", injustices.join("\n\n"));
    assert_eq!(class.rows(), 2);
    assert_eq!(graded(), first, "se volvió a calificar a quien ya lo estaba");
}
