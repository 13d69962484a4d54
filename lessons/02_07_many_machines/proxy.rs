//! De quién es una conexión que llega por un balanceador: el protocolo PROXY.
//!
//! El servidor ve la dirección del balanceador. La del cliente viene escrita en lo primero que llega
//! por la conexión: una línea (versión 1) o una cabecera binaria (versión 2). La lee `proxy-header`;
//! aquí está lo que un servidor ha de decidir: de quién se la cree, cuánto espera y qué es demasiado.
//! Aquí no hay sockets: solo direcciones y bytes.
//!
//! La regla de la que depende todo: **solo se lee de quien es el balanceador**. Si no, cualquiera que
//! llegue al puerto podría decir que es quien quiera.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use proxy_header::{Error, ParseConfig, ProxyHeader};

/// Bytes que puede tener una cabecera: los de la mayor dirección, de un socket de Unix, y trescientos
/// más para lo que el balanceador quiera añadir (su protocolo, §2.2: «al menos 536»).
pub(crate) const MOST: usize = 536;

/// Por qué no se sigue con una conexión.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No viene del balanceador, y solo se entra por él.
    Stranger,
    /// Lo primero que envía no es una cabecera.
    NotAHeader,
    /// La cabecera dice ser más larga de lo que se admite.
    TooLong,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Refused {
    /// La razón, para quien la recibe.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refused::Stranger => "a este servidor solo se entra por el balanceador",
            Refused::NotAHeader => "lo primero no es una cabecera PROXY",
            Refused::TooLong => "la cabecera PROXY es demasiado larga",
        }
    }
}

/// Quién puede presentar a otros.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate {
    balancer: Option<IpAddr>,
}

impl Gate {
    /// Con la dirección del balanceador, solo se entra por él. Sin ella, cualquiera habla por sí
    /// mismo, y nadie por otro.
    pub(crate) fn new(balancer: Option<IpAddr>) -> Gate {
        Gate { balancer: balancer.map(|address| address.to_canonical()) }
    }

    /// Si antes de nada hay que leer una cabecera de quien se conectó desde `peer`. Errores:
    /// [`Refused::Stranger`].
    pub(crate) fn expects_header(&self, peer: IpAddr) -> Result<bool, Refused> {
        match self.balancer {
            None => Ok(false),
            Some(balancer) if balancer == peer.to_canonical() => Ok(true),
            Some(_) => Err(Refused::Stranger),
        }
    }
}

/// Una cabecera entera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Los bytes que ocupa: lo que sigue es del cliente.
    pub(crate) used: usize,
    /// De quién es la conexión. `None` si es del propio balanceador, que comprueba si el servidor
    /// vive (LOCAL), o si no sabe de quién es (UNKNOWN).
    pub(crate) client: Option<SocketAddr>,
}

/// Lee la cabecera con la que empieza `bytes`; `None` si aún falta una parte. Errores: no es una
/// cabecera, y no lo será por mucho que llegue.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Header>, Refused> {
    if !could_be_a_header(bytes) {
        return Err(Refused::NotAHeader);
    }
    let announced = announced(bytes);
    if announced.is_some_and(|length| length > MOST) {
        return Err(Refused::TooLong);
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, used)) => {
            let client = header.proxied_address().map(|address| address.source);
            Ok(Some(Header { used, client }))
        }
        // Si llegó entera y le falta algo, le faltará siempre.
        Err(Error::BufferTooShort) if announced.is_none_or(|length| bytes.len() < length) => {
            Ok(None)
        }
        Err(_) => Err(Refused::NotAHeader),
    }
}

/// Cómo empieza la versión 1, y cómo la 2: con bytes que en ningún otro protocolo significan nada.
const FIRST: &[u8] = b"PROXY ";
const SECOND: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Si lo que ha llegado es el principio de alguna de las dos. Se sabe antes de que llegue entera, y a
/// quien envía otra cosa no se le espera.
fn could_be_a_header(bytes: &[u8]) -> bool {
    [FIRST, SECOND].iter().any(|start| {
        let known = bytes.len().min(start.len());
        bytes[..known] == start[..known]
    })
}

/// Lo que ocupará la cabecera, si ya lo dice: en la segunda versión, tras el comienzo van dos bytes y
/// su longitud. La primera no lo dice, pero no pasa de 107, y `proxy-header` lo vigila.
fn announced(bytes: &[u8]) -> Option<usize> {
    let length = bytes.strip_prefix(SECOND)?.get(2..4)?;
    Some(SECOND.len() + 4 + usize::from(u16::from_be_bytes(length.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANA: &str = "192.168.0.11:56324";
    const V1: &[u8] = b"PROXY TCP4 192.168.0.11 10.0.0.5 56324 8800\r\n";

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SECOND, &[command, family], &length, rest].concat()
    }

    /// 192.168.0.11:56324 hacia 10.0.0.5:8800.
    fn ana() -> Vec<u8> {
        second(0x21, 0x11, &[192, 168, 0, 11, 10, 0, 0, 5, 0xDC, 0x04, 0x22, 0x60])
    }

    fn client(bytes: &[u8]) -> Option<SocketAddr> {
        read(bytes).unwrap().unwrap().client
    }

    #[test]
    fn las_dos_versiones_dicen_de_quién_es() {
        let ana_said = [ana(), b"NAME: ana".to_vec()].concat();
        let expected = Header { used: ana().len(), client: Some(ANA.parse().unwrap()) };
        assert_eq!(read(&ana_said), Ok(Some(expected)));
        assert_eq!(client(V1), Some(ANA.parse().unwrap()));
        assert_eq!(
            client(b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 8800\r\n"),
            Some("[2001:db8::1]:56324".parse().unwrap())
        );
    }

    #[test]
    fn una_comprobación_de_que_vive_no_es_de_nadie() {
        assert_eq!(client(&second(0x20, 0x00, &[])), None);
        // La que lleva direcciones tampoco: hay que saltárselas (§2.2).
        assert_eq!(client(&second(0x20, 0x11, &[0; 12])), None);
        assert_eq!(client(b"PROXY UNKNOWN\r\n"), None);
    }

    #[test]
    fn cortada_por_cualquier_sitio_se_espera_al_resto() {
        for whole in [ana().as_slice(), V1] {
            for cut in 0..whole.len() {
                assert_eq!(read(&whole[..cut]), Ok(None), "{cut} de {}", whole.len());
            }
            assert_eq!(read(whole).unwrap().unwrap().used, whole.len());
        }
    }

    #[test]
    fn a_lo_que_no_es_una_cabecera_no_se_le_espera() {
        let frame = [&9_u32.to_be_bytes()[..], b"NAME: ana"].concat();
        for wrong in [&frame, b"GET / HTTP/1.1\r\n".as_slice(), b"\r\n\r\nhola", b"PROXIMO", b"x"] {
            assert_eq!(read(wrong), Err(Refused::NotAHeader), "{wrong:?}");
        }
        for wrong in [second(0x31, 0x11, &[0; 12]), second(0x22, 0x11, &[0; 12])] {
            assert_eq!(read(&wrong), Err(Refused::NotAHeader), "{wrong:?}");
        }
        // Cabe menos de lo que su familia necesita.
        assert_eq!(read(&second(0x21, 0x21, &[0; 12])), Err(Refused::NotAHeader));
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        assert_eq!(read(&endless), Err(Refused::NotAHeader));
    }

    #[test]
    fn una_cabecera_enorme_se_rechaza_en_cuanto_lo_anuncia() {
        let huge = [SECOND, &[0x21, 0x11, 0xFF, 0xFF]].concat();
        assert_eq!(read(&huge), Err(Refused::TooLong));
        let largest = second(0x21, 0x11, &[0; MOST - 16]);
        assert_eq!(read(&largest).unwrap().unwrap().used, MOST);
    }

    #[test]
    fn solo_el_balanceador_presenta_a_otros() {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let elsewhere: IpAddr = "127.0.0.2".parse().unwrap();
        let gate = Gate::new(Some(here));
        assert_eq!(gate.expects_header(here), Ok(true));
        assert_eq!(gate.expects_header(elsewhere), Err(Refused::Stranger));
        // Escuchando en «::», la misma dirección se ve así (ipv6(7)).
        assert_eq!(gate.expects_header("::ffff:127.0.0.1".parse().unwrap()), Ok(true));
        assert_eq!(Gate::new(None).expects_header(elsewhere), Ok(false));
    }

    proptest! {
        #[test]
        fn ninguna_basura_la_hace_fallar_ni_dice_haber_leído_de_más(
            start in prop_oneof![Just(&b""[..]), Just(FIRST), Just(SECOND)],
            rest in prop::collection::vec(any::<u8>(), 0..600)
        ) {
            let bytes = [start, &rest].concat();
            if let Ok(Some(header)) = read(&bytes) {
                prop_assert!(header.used <= bytes.len() && header.used <= MOST);
            }
        }
    }
}
