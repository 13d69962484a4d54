//! La máquina en la que se mide, y lo que en ella puede torcer las cifras.

use std::fmt;
use std::fs;

use harness::procfs::{CpuInfo, Current, Meminfo};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

use crate::cores::Cores;

/// Descriptores que cada proceso necesita además de sus conexiones.
const SPARE: u64 = 64;

/// Lo que hay que saber de una máquina para comparar sus cifras con las de otra. No la identifica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// Los procesadores que este proceso puede usar.
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Descriptores que puede abrir un proceso.
    pub(crate) descriptors: u64,
    /// Cómo se elige la frecuencia del procesador; vacío si no se sabe.
    pub(crate) governor: String,
    /// Si funcionaba con batería.
    pub(crate) on_battery: bool,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {} · Linux {}", self.processor, self.processors(), self.kernel)
    }
}

impl Machine {
    pub(crate) fn this_one(cores: &Cores) -> Machine {
        let processors = CpuInfo::current().ok();
        let model = processors.as_ref().and_then(|info| info.model_name(0));
        let kernel = uname().map(|uname| uname.release().to_string_lossy().into_owned());
        let governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
        Machine {
            processor: model.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: cores.available(),
            memory_mib: Meminfo::current().map_or(0, |memory| memory.mem_total / 1024 / 1024),
            // Lo que sigue a la versión dice quién compiló el núcleo, y no hace falta.
            kernel: kernel.unwrap_or_default().split('-').next().unwrap_or("").to_owned(),
            descriptors: descriptor_limit(),
            governor: fs::read_to_string(governor).unwrap_or_default().trim().to_owned(),
            on_battery: on_battery(),
        }
    }

    /// Cuántos procesadores, y de quién es cada uno: `8 procesadores: 7 para el servidor y 1 para el
    /// generador`.
    pub(crate) fn processors(&self) -> String {
        match self.cores {
            0 | 1 => "1 procesador, para el servidor y el generador".to_owned(),
            all => {
                format!("{all} procesadores: {} para el servidor y 1 para el generador", all - 1)
            }
        }
    }

    /// Lo que resta valor a las cifras, con lo que significa para ellas.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.cores < 2 {
            warnings.push(
                "Hay un solo procesador: el servidor y el generador se lo turnan. El procesador por \
                 mensaje sigue valiendo; los mensajes por segundo y las esperas son los de los dos \
                 juntos."
                    .to_owned(),
            );
        }
        if self.on_battery {
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
pub(crate) fn raise_descriptor_limit() -> (u64, u64) {
    let before = descriptor_limit();
    harness::raise_descriptor_limit();
    (before, descriptor_limit())
}

/// Las conexiones que caben, de `wanted`, en un proceso que puede abrir `descriptors`.
pub(crate) fn fitting(wanted: usize, descriptors: u64) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            on_battery: false,
        };
        let worse = Machine { cores: 1, governor: "powersave".into(), ..quiet.clone() };
        assert_eq!(worse.warnings().len(), quiet.warnings().len() + 2);
    }
}
