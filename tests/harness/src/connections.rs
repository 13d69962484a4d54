//! Las conexiones TCP de esta máquina (proc(5), «net/tcp»).

use std::fs;

use procfs::net::{TcpNetEntries, TcpNetEntry};
use procfs::{FromBufReadSI, ProcResult, current_system_info};

/// En la tabla, las que ya acabaron y el núcleo recuerda durante un minuto: TIME_WAIT.
const REMEMBERED: &str = " 06 ";

/// Los sockets de TCP, de IPv4 y de IPv6, que siguen vivos. Sin los que el núcleo solo recuerda: después
/// de una multitud son miles, y entenderlos todos cuesta más que lo que se pregunta.
///
/// Errores: no hay `/proc`, o no se entiende.
pub fn connections() -> ProcResult<Vec<TcpNetEntry>> {
    let mut all = alive(&fs::read_to_string("/proc/net/tcp")?)?;
    // Una máquina puede no tener IPv6.
    if let Ok(table) = fs::read_to_string("/proc/net/tcp6") {
        all.extend(alive(&table)?);
    }
    Ok(all)
}

fn alive(table: &str) -> ProcResult<Vec<TcpNetEntry>> {
    let lines = table.split_inclusive('\n').filter(|line| !line.contains(REMEMBERED));
    let rest: String = lines.collect();
    Ok(TcpNetEntries::from_buf_read(rest.as_bytes(), current_system_info())?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::net::TcpState;

    #[test]
    fn están_las_que_siguen_y_no_las_que_solo_se_recuerdan() {
        const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000006:00000007 00:00000000 00000000     6        0 12 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C351 06 00000000:00000000 03:00000C1F 00000000     0        0 0 3 0
";
        let all = alive(TABLE).unwrap();
        let seen: Vec<_> = all.iter().map(|it| (&it.state, it.rx_queue, it.inode)).collect();
        assert_eq!(seen, [(&TcpState::Listen, 0, 11), (&TcpState::Established, 7, 12)]);
    }
}
