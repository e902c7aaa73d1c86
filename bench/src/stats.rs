//! Medians and spreads of a few rounds.

/// The middle of `values`; zero when there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the share `at` of `values` lies.
pub(crate) fn quantile(values: &[f64], at: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count => {
            let place = at.clamp(0.0, 1.0) * (count - 1) as f64;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            low + (high - low) * place.fract()
        }
    }
}

/// The smallest and the largest of `values`.
pub(crate) fn range(values: &[f64]) -> (f64, f64) {
    (quantile(values, 0.0), quantile(values, 1.0))
}

/// Round by round: `left` over `right`. Rounds lie side by side in time, so what slows the machine slows both.
pub(crate) fn ratios(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).filter(|(_, right)| **right > 0.0).map(|(left, right)| left / right).collect()
}

/// Round by round: `left` minus `right`.
pub(crate) fn differences(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(left, right)| left - right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_lie_in_the_middle_and_ratios_go_by_round() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(range(&[3.0, 1.0, 2.0]), (1.0, 3.0));
        assert_eq!(ratios(&[2.0, 9.0, 1.0], &[4.0, 3.0, 0.0]), [0.5, 3.0]);
        assert_eq!(differences(&[2.0], &[0.5]), [1.5]);
    }
}
