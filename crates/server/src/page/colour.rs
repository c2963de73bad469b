//! The 256 colours of terminals. Called by `ansi` for those of 24 bits, and by `assets` for the style sheet.

/// The nearest of the 216 colours and 24 greys.
pub(crate) fn nearest(red: u8, green: u8, blue: u8) -> u8 {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most - least < 10 {
        return match most {
            0..8 => 16,
            8..=238 => 232 + (most - 8) / 10,
            _ => 231,
        };
    }
    let step = |part: u8| match part {
        0..48 => 0,
        48..115 => 1,
        _ => (part - 35) / 40,
    };
    16 + 36 * step(red) + 6 * step(green) + step(blue)
}

/// The colour of a number, as `#rrggbb`; the first 16 are chosen to be read on a dark ground.
pub(crate) fn colour(number: u8) -> String {
    const NAMED: [&str; 16] = [
        "#7d8590", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#c9d1d9", "#8b949e", "#ffa198",
        "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#ffffff",
    ];
    match number {
        0..16 => NAMED[usize::from(number)].to_owned(),
        16..232 => {
            let step = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let cube = number - 16;
            format!("#{:02x}{:02x}{:02x}", step(cube / 36), step(cube / 6 % 6), step(cube % 6))
        }
        232.. => {
            let grey = 8 + 10 * (number - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

/// As [`colour`], of letters: as light as it must be to be read on the dark ground of logs.
pub(crate) fn letters(number: u8) -> String {
    let colour = colour(number);
    let part =
        |at: usize| colour.get(at..at + 2).and_then(|part| u8::from_str_radix(part, 16).ok()).unwrap_or_default();
    let parts = [part(1), part(3), part(5)];
    let lifted =
        |tenths: u16| parts.map(|part| part + u8::try_from(u16::from(255 - part) * tenths / 10).unwrap_or_default());
    let light = (0..=10).map(lifted).find(|parts| lightness(*parts) >= 0.2);
    light.map_or(colour, |[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"))
}

/// The relative luminance of WCAG.
fn lightness([red, green, blue]: [u8; 3]) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::{colour, letters, lightness, nearest};

    #[test]
    fn colours_are_the_nearest_there_are() {
        assert_eq!(
            [nearest(255, 0, 0), nearest(0, 0, 0), nearest(255, 255, 255), nearest(128, 128, 128)],
            [196, 16, 231, 244]
        );
        assert_eq!([colour(196), colour(231), colour(244), colour(1)], ["#ff0000", "#ffffff", "#808080", "#ff7b72"]);
    }

    #[test]
    fn letters_are_read_on_the_ground_of_logs() {
        let ground = lightness([0x0e, 0x13, 0x1a]);
        for number in 0..=u8::MAX {
            let colour = letters(number);
            let part = |at| u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let contrast = (lightness([part(1), part(3), part(5)]) + 0.05) / (ground + 0.05);
            assert!(contrast >= 4.3, "{number} {colour}: {contrast}");
        }
        assert_eq!([letters(196), letters(231)], ["#ff0000", "#ffffff"]);
    }
}
