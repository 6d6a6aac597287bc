//! One model, many callers.

use std::sync::Arc;

use trimtab_infer::Tensor;

use crate::open;

#[test]
fn many_threads_share_a_model() {
    let engine = open("zipmap_int.onnx");
    let expected: Vec<f64> = (0..16)
        .map(|n| {
            let row = Tensor::new("X", vec![1, 4], vec![n as f32 / 8.0 - 1.0; 4]).unwrap();
            engine.run(&[row]).unwrap()[1].data().as_f64(1).unwrap()
        })
        .collect();
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let engine = Arc::clone(&engine);
            std::thread::spawn(move || {
                let row = Tensor::new("X", vec![1, 4], vec![n as f32 / 8.0 - 1.0; 4]).unwrap();
                (0..200)
                    .map(|_| {
                        engine.run(std::slice::from_ref(&row)).unwrap()[1]
                            .data()
                            .as_f64(1)
                            .unwrap()
                    })
                    .collect::<Vec<f64>>()
            })
        })
        .collect();
    for (thread, expected) in threads.into_iter().zip(expected) {
        assert!(
            thread
                .join()
                .unwrap()
                .iter()
                .all(|found| *found == expected)
        );
    }
}
