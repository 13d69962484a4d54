//! Mediana, dispersión y recta: lo poco de estadística que hace falta.

/// Un valor repetido: su mediana y entre qué cuartiles se movió.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// La cuarta parte quedó por debajo.
    pub(crate) low: f64,
    /// La cuarta parte quedó por encima.
    pub(crate) high: f64,
}

impl Spread {
    /// De varias repeticiones; `None` si no hay ninguna.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Some(Spread {
            median: quantile(&values, 0.5)?,
            low: quantile(&values, 0.25)?,
            high: quantile(&values, 0.75)?,
        })
    }

    /// ` (3,98 µs a 4,02 µs)`: entre qué cuartiles se movió; nada si no se distinguen.
    pub(crate) fn range(&self, read: fn(f64) -> String) -> String {
        let (low, high) = (read(self.low), read(self.high));
        if low == high { String::new() } else { format!(" ({low} a {high})") }
    }

    /// Si es menor que `other` sin que lo explique nada: los cuartiles no se tocan aunque los de uno
    /// salgan `drift` veces mayores.
    pub(crate) fn clearly_below(&self, other: &Spread, drift: f64) -> bool {
        self.high * drift < other.low
    }
}

/// El valor por debajo del cual queda la fracción `part` de `sorted`, interpolado.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

/// Una recta, `y = base + slope · x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    /// El valor en el origen.
    pub(crate) base: f64,
    /// Cuánto crece por cada unidad de `x`.
    pub(crate) slope: f64,
}

impl Line {
    /// La que mejor se ajusta a `points`, dando a cada uno el peso de su error relativo: sin eso,
    /// los valores grandes decidirían solos. Hacen falta dos `x` distintas.
    pub(crate) fn fit(points: &[(f64, f64)]) -> Option<Line> {
        let weight = |y: f64| 1.0 / (y * y).max(f64::MIN_POSITIVE);
        let total: f64 = points.iter().map(|&(_, y)| weight(y)).sum();
        let mean_x = points.iter().map(|&(x, y)| weight(y) * x).sum::<f64>() / total;
        let mean_y = points.iter().map(|&(_, y)| weight(y) * y).sum::<f64>() / total;
        let square: f64 = points.iter().map(|&(x, y)| weight(y) * (x - mean_x).powi(2)).sum();
        let cross: f64 = points.iter().map(|&(x, y)| weight(y) * (x - mean_x) * (y - mean_y)).sum();
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        let slope = cross / square;
        Some(Line { base: mean_y - slope * mean_x, slope })
    }

    fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }

    /// Si pasa cerca de todos los puntos, con un error de hasta la fracción `error`. Una recta que
    /// no pasa por donde dice no describe nada.
    pub(crate) fn fits(&self, points: &[(f64, f64)], error: f64) -> bool {
        points.iter().all(|&(x, y)| (self.at(x) / y - 1.0).abs() <= error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn la_mediana_y_los_cuartiles_de_unas_pocas_repeticiones() {
        let spread = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, low: 1.5, high: 2.5 });
        assert_eq!(Spread::of([7.0]).unwrap(), Spread { median: 7.0, low: 7.0, high: 7.0 });
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
    }

    #[test]
    fn una_diferencia_dentro_del_ruido_no_es_una_diferencia() {
        let of = |low, median, high| Spread { median, low, high };
        assert!(of(9.0, 10.0, 11.0).clearly_below(&of(19.0, 20.0, 21.0), 1.15));
        assert!(!of(9.0, 10.0, 20.0).clearly_below(&of(19.0, 20.0, 21.0), 1.15), "se tocan");
        assert!(!of(10.0, 10.0, 10.0).clearly_below(&of(11.4, 11.4, 11.4), 1.15), "no llega");
        assert!(!of(1.0, 1.0, 1.0).clearly_below(&of(9.0, 9.0, 9.0), f64::INFINITY));
    }

    #[test]
    fn la_recta_encuentra_la_pendiente() {
        let points: Vec<(f64, f64)> =
            [10.0, 100.0, 1000.0].iter().map(|&x| (x, 5.0 + 0.25 * x)).collect();
        let line = Line::fit(&points).unwrap();
        assert!((line.base - 5.0).abs() < 1e-6 && (line.slope - 0.25).abs() < 1e-9);
        assert!((line.at(2000.0) - 505.0).abs() < 1e-6);
        assert!(line.fits(&points, 0.01));
        assert!(!line.fits(&[(10.0, 7.5), (1000.0, 400.0)], 0.3), "pasa lejos del segundo");
        assert_eq!(Line::fit(&[(10.0, 1.0), (10.0, 2.0)]), None);
        assert_eq!(Line::fit(&[]), None);
    }
}
