//! Row-wise kernels and quantisation: each instruction set equals the plain one, for every remainder length.

use super::*;

#[test]
fn row_kernels_give_the_plain_bits_for_every_length() {
    let mut random = Random::new(11);
    let plain = Kernels::scalar();
    for len in (1..70).chain([128, 200, 576]) {
        let (x, y) = (random.values(len), random.values(len));
        for kernels in Kernels::available() {
            let name = |what: &str| format!("{what} of {len}, {:?}", kernels.set());
            let both = |f: &dyn Fn(&Kernels, &mut [f32])| {
                let (mut ours, mut truth) = (x.clone(), x.clone());
                f(kernels, &mut ours);
                f(plain, &mut truth);
                (ours, truth)
            };
            let check = |what: &str, f: &dyn Fn(&Kernels, &mut [f32])| {
                let (ours, truth) = both(f);
                same(&ours, &truth, &name(what));
            };
            check("rms_norm", &|k, out| k.rms_norm(&x, Some(&y), 1e-5, out));
            check("rms_norm without weight", &|k, out| k.rms_norm(&x, None, 1e-5, out));
            check("rms_norm_in_place", &|k, out| k.rms_norm_in_place(out, Some(&y), 1e-5));
            check("layer_norm", &|k, out| k.layer_norm_in_place(out, &y, &x, 1e-5));
            check("gelu_erf", &|k, out| k.gelu_erf(out));
            check("add", &|k, out| k.add(out, &y));
            check("add_scaled", &|k, out| k.add_scaled(out, &y, 0.37));
            let rows: Vec<f32> = (0..3).flat_map(|k| y.iter().map(move |y| y * k as f32)).collect();
            let scales = [0.37, -2.0, 1e-3];
            check("add_rows", &|k, out| k.add_rows(out, &scales, &rows, len));
            let (mut together, mut apart) = (x.clone(), x.clone());
            kernels.add_rows(&mut together, &scales, &rows, len);
            for (row, &scale) in rows.chunks_exact(len).zip(&scales) {
                kernels.add_scaled(&mut apart, row, scale);
            }
            same(&together, &apart, &name("add_rows and as many add_scaled"));
            check("scale", &|k, out| k.scale(out, 0.37));
            check("soft_cap", &|k, out| k.soft_cap(out, 0.5));
            check("silu", &|k, out| k.gate(Gate::Silu, out, &y));
            check("gelu", &|k, out| k.gate(Gate::Gelu, out, &y));
            check("clamped swiglu", &|k, out| k.gate(Gate::ClampedSwiglu, out, &y));
            check("sigmoid_mul", &|k, out| k.sigmoid_mul(out, &y));
            check("softmax", &|k, out| k.softmax(out));
        }
    }
}

#[test]
fn the_clamped_gate_is_near_the_exact_one_and_hides_nothing() {
    let values: [f64; 12] = [-30.0, -7.5, -7.0, -1.0, -0.1, 0.0, 0.3, 2.0, 6.9, 7.0, 7.1, 500.0];
    for (gate, up) in values.into_iter().flat_map(|gate| values.map(|up| (gate, up))) {
        let mut ours = [gate as f32];
        Kernels::best().gate(Gate::ClampedSwiglu, &mut ours, &[up as f32]);
        let (low, within) = (f64::min(gate, 7.0), up.clamp(-7.0, 7.0));
        let exact = low / (1.0 + (-1.702 * low).exp()) * (within + 1.0);
        assert!(
            (ours[0] as f64 - exact).abs() < 1e-5 * (1.0 + exact.abs()),
            "{gate}, {up}: {ours:?} {exact}"
        );
    }
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (gate, up) in [(broken, 1.0), (1.0, broken)] {
            let mut ours = [gate];
            Kernels::best().gate(Gate::ClampedSwiglu, &mut ours, &[up]);
            assert!(!ours[0].is_finite(), "{gate}, {up}: {ours:?}");
        }
    }
}

#[test]
fn norms_are_near_the_exact_ones() {
    let mut random = Random::new(13);
    let (x, w) = (random.values(577), random.values(577));
    let mut out = vec![0.0; 577];
    Kernels::best().rms_norm(&x, Some(&w), 1e-5, &mut out);
    let mean: f64 = x.iter().map(|&v| (v as f64).powi(2)).sum::<f64>() / 577.0;
    for i in 0..577 {
        let exact = x[i] as f64 / (mean + 1e-5).sqrt() * w[i] as f64;
        assert!((out[i] as f64 - exact).abs() < 1e-6, "{} is not {exact}", out[i]);
    }
}

#[test]
fn both_ropes_turn_by_the_angle() {
    for (style, pair) in [(RopeStyle::Interleaved, (2, 3)), (RopeStyle::Halves, (1, 5))] {
        let config = RopeConfig {
            dims: 8,
            base: 10_000.0,
            style,
            scaling: RopeScaling::None,
            magnitude: 1.0,
            factors: None,
        };
        let rope = Rope::new(&config).expect("config");
        let mut table = RopeTable::default();
        rope.fill([0, 1000].into_iter(), &mut table).expect("memory");
        let angle = 1000.0 * 10_000f64.powf(-0.25);
        for kernels in Kernels::available() {
            // Ten elements: two beyond the rope's dimensions.
            let mut head: Vec<f32> = (1..=10).map(|v| v as f32).collect();
            let before = head.clone();
            kernels.rope(&mut head, &table, 0);
            assert_eq!(head, before);
            kernels.rope(&mut head, &table, 1);
            let (a, b) = (before[pair.0] as f64, before[pair.1] as f64);
            assert!((head[pair.0] as f64 - (a * angle.cos() - b * angle.sin())).abs() < 1e-5);
            assert!((head[pair.1] as f64 - (a * angle.sin() + b * angle.cos())).abs() < 1e-5);
            assert_eq!(head[8..], before[8..]);
        }
    }
}

#[test]
fn rope_scalings_do_what_their_papers_say() {
    let with_magnitude = |magnitude, scaling, factors| {
        let config =
            RopeConfig { dims: 64, base: 10_000.0, style: RopeStyle::Halves, scaling, magnitude, factors };
        let mut table = RopeTable::default();
        Rope::new(&config).expect("config").fill([100].into_iter(), &mut table).expect("memory");
        table.cos.clone()
    };
    let cos = |scaling, factors| with_magnitude(1.0, scaling, factors);
    let at = |position: f64, i: i32| (position * 10_000f64.powf(-2.0 * i as f64 / 64.0)).cos() as f32;
    let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    near(cos(RopeScaling::Linear(4.0), None)[3], at(25.0, 3));
    near(cos(RopeScaling::None, Some(&[2.0; 32]))[3], at(50.0, 3));
    let llama = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original_context: 8192 };
    near(cos(llama, None)[0], at(100.0, 0));
    near(cos(llama, None)[31], at(12.5, 31));
    let yarn = RopeScaling::Yarn {
        factor: 4.0,
        original_context: 4096,
        extrapolation: 1.0,
        attention: 1.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
    };
    let magnitude = 1.0 + 0.1 * 4f32.ln();
    near(cos(yarn, None)[0], at(100.0, 0) * magnitude);
    near(cos(yarn, None)[31], at(25.0, 31) * magnitude);
    for scaling in [RopeScaling::None, RopeScaling::Linear(4.0), llama, yarn] {
        near(with_magnitude(1.5, scaling, None)[3], cos(scaling, None)[3] * 1.5);
    }
    let bad = RopeConfig {
        dims: 7,
        base: 1e4,
        style: RopeStyle::Halves,
        scaling: RopeScaling::None,
        magnitude: 1.0,
        factors: None,
    };
    assert!(Rope::new(&bad).is_err());
    assert!(Rope::new(&RopeConfig { dims: 8, base: f64::NAN, ..bad }).is_err());
    assert!(Rope::new(&RopeConfig { dims: 8, magnitude: f64::INFINITY, ..bad }).is_err());
    assert!(Rope::new(&RopeConfig { dims: 8, factors: Some(&[1.0, 0.0, 1.0, 1.0]), ..bad }).is_err());
}

/// The bits of the sums, apart from the signs of zeros.
fn bits(moments: &[Moments]) -> Vec<[u64; 2]> {
    moments.iter().map(|m| [m.mass.to_bits(), m.energy.to_bits()]).collect()
}

#[test]
fn logits_give_the_plain_bits_for_every_length() {
    let mut random = Random::new(17);
    let plain = Kernels::scalar();
    for len in (0..150).chain([1023, 1024, 1025, 3000]) {
        let mut x: Vec<f32> = random.values(len).iter().map(|x| x * 20.0).collect();
        let truth = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for kernels in Kernels::available() {
            let name = format!("{len}, {:?}", kernels.set());
            assert_eq!(kernels.finite_highest(&x), truth, "{name}");
            assert_eq!(kernels.highest(&x), truth, "{name}");
            for limit in [f32::NEG_INFINITY, -5.0, 19.0, truth, 30.0] {
                let first = x.iter().position(|x| *x > limit).map_or(len, |at| at / LOOK * LOOK);
                assert_eq!(kernels.next_above(&x, limit), first, "{name}");
            }
            for temperature in [1.0, 0.3, 40.0, 1e-45] {
                let (mut ours, mut truth_of) =
                    (vec![Moments::default(); len.div_ceil(MOMENT_BLOCK)], Vec::new());
                truth_of.resize(ours.len(), Moments::default());
                kernels.moments(&x, truth, temperature, &mut ours);
                plain.moments(&x, truth, temperature, &mut truth_of);
                assert_eq!(bits(&ours), bits(&truth_of), "{name}");
                let exact = |f: &dyn Fn(f64) -> f64| -> f64 {
                    x.iter().map(|x| f(f64::from(x - truth) / f64::from(temperature))).sum()
                };
                let (mass, energy) = ours.iter().fold((0.0, 0.0), |s, m| (s.0 + m.mass, s.1 + m.energy));
                let (exact_mass, exact_energy) =
                    (exact(&|d| d.exp()), exact(&|d| if d > -700.0 { d * d.exp() } else { 0.0 }));
                assert!((mass - exact_mass).abs() <= 2e-6 * exact_mass, "{name}: {mass} {exact_mass}");
                assert!((energy - exact_energy).abs() <= 2e-6 * (1.0 - exact_energy), "{name}: {energy}");
            }
        }
        if len == 0 {
            continue;
        }
        // Forbidden ones count nothing, broken ones are seen.
        let at = random.bits() as usize % len;
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            x[at] = broken;
            let rest = x.iter().copied().filter(|x| x.is_finite()).fold(f32::NEG_INFINITY, f32::max);
            for kernels in Kernels::available() {
                assert!(kernels.finite_highest(&x).is_nan(), "{len}, {:?}", kernels.set());
                if broken == f32::INFINITY {
                    continue;
                }
                assert_eq!(kernels.highest(&x), rest);
                let mut moments = vec![Moments::default(); len.div_ceil(MOMENT_BLOCK)];
                kernels.moments(&x, rest.max(-20.0), 1.0, &mut moments);
                assert!(moments.iter().all(|m| m.mass.is_finite() && m.energy.is_finite()));
            }
        }
    }
}
