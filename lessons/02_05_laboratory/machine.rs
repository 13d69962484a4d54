//! La máquina en la que se mide, y lo que en ella puede torcer las cifras.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use crate::cores::Cores;

/// Descriptores que cada proceso necesita además de sus conexiones.
const SPARE: u64 = 64;

/// Lo que hay que saber de una máquina para comparar sus cifras con las de otra. No la identifica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// El modelo del procesador.
    pub processor: String,
    /// Los procesadores que este proceso puede usar.
    pub cores: usize,
    /// La memoria, en MiB.
    pub memory_mib: u64,
    /// La versión de Linux.
    pub kernel: String,
    /// Descriptores que puede abrir un proceso.
    pub descriptors: u64,
    /// Cómo se elige la frecuencia del procesador; vacío si no se sabe.
    pub governor: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {} · Linux {}", self.processor, self.processors(), self.kernel)
    }
}

impl Machine {
    /// Esta.
    pub fn this_one(cores: &Cores) -> Machine {
        let line = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpuinfo = line("/proc/cpuinfo");
        let meminfo = line("/proc/meminfo");
        Machine {
            processor: field(&cpuinfo, "model name")
                .or_else(|| field(&cpuinfo, "Hardware"))
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: cores.available(),
            memory_mib: field(&meminfo, "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .unwrap_or(0)
                / 1024,
            // Lo que sigue a la versión dice quién compiló el núcleo, y no hace falta.
            kernel: line("/proc/sys/kernel/osrelease").split('-').next().unwrap_or("").to_owned(),
            descriptors: descriptor_limit(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        }
    }

    /// Cuántos procesadores: `1 procesador`, `8 procesadores`.
    pub fn processors(&self) -> String {
        let unit = if self.cores == 1 { "procesador" } else { "procesadores" };
        format!("{} {unit}", self.cores)
    }

    /// Lo que resta valor a las cifras, con lo que significa para ellas.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.cores < 2 {
            warnings.push(
                "Hay un solo procesador: el servidor y el generador se lo turnan. El procesador por \
                 mensaje sigue valiendo; los mensajes por segundo y las esperas son los de los dos \
                 juntos."
                    .to_owned(),
            );
        }
        if on_battery() {
            warnings.push(
                "El equipo funciona con batería y puede bajar la frecuencia del procesador a mitad \
                 de la medida: compara los motores entre sí, y no con los de otra máquina. Para \
                 medir, enchúfalo."
                    .to_owned(),
            );
        }
        if self.governor == "powersave" || self.governor == "conservative" {
            warnings.push(format!(
                "El procesador ahorra energía (gobernador «{}»): a ritmo fijo trabaja despacio, y \
                 las esperas salen más largas de lo que podrían.",
                self.governor
            ));
        }
        warnings
    }
}

/// Sube el límite de descriptores cuanto se pueda. Devuelve el de antes y el de ahora.
pub fn raise_descriptor_limit() -> (u64, u64) {
    let before = descriptor_limit();
    harness::raise_descriptor_limit();
    (before, descriptor_limit())
}

/// Las conexiones que caben, de `wanted`, en un proceso que puede abrir `descriptors`.
pub fn fitting(wanted: usize, descriptors: u64) -> usize {
    let room = usize::try_from(descriptors.saturating_sub(SPARE)).unwrap_or(usize::MAX);
    wanted.min(room.max(1))
}

fn descriptor_limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}

fn on_battery() -> bool {
    let supplies = fs::read_dir("/sys/class/power_supply").into_iter().flatten().flatten();
    supplies
        .filter_map(|supply| fs::read_to_string(supply.path().join("status")).ok())
        .any(|status| status.trim() == "Discharging")
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// El momento presente en UTC: `2026-01-31 09:30`.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    date(seconds)
}

/// El calendario civil, contado desde el 1 de marzo del año 0: así el día que a veces falta es el
/// último del año.
fn date(seconds: u64) -> String {
    let (days, clock) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) =
        (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}", clock / 3600, clock / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_fechas_salen_bien_también_en_los_bisiestos() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_772_323_200), "2026-03-01 00:00");
    }

    #[test]
    fn de_esta_máquina_se_sabe_lo_que_hace_falta() {
        let machine = Machine::this_one(&Cores::split().unwrap());
        assert!(machine.cores > 0 && machine.memory_mib > 0 && machine.descriptors > 0);
        assert!(machine.kernel.starts_with(|first: char| first.is_ascii_digit()));
    }

    #[test]
    fn cada_estorbo_tiene_su_aviso() {
        let quiet = Machine {
            processor: "Ejemplo".into(),
            cores: 4,
            memory_mib: 8192,
            kernel: "6.1".into(),
            descriptors: 1024,
            governor: "performance".into(),
        };
        let worse = Machine { cores: 1, governor: "powersave".into(), ..quiet.clone() };
        assert_eq!(worse.warnings().len(), quiet.warnings().len() + 2);
    }
}
