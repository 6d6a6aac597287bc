//! Small real models: `1 / (1 + exp(-(a + b x)))` as ONNX, written out byte by byte.

fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n > 127 {
        out.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut out = Vec::new();
    varint(field << 3 | 2, &mut out);
    varint(value.len() as u64, &mut out);
    out.extend(value);
    out
}

fn node(kind: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    node.extend(bytes(2, output));
    node.extend(bytes(4, kind));
    bytes(1, node)
}

fn constant(name: &str, value: f32) -> Vec<u8> {
    let parts = [
        number(1, 1),
        number(2, 1),
        bytes(8, name),
        bytes(9, value.to_le_bytes()),
    ];
    bytes(5, parts.concat())
}

/// A column of 32-bit numbers as the graph's input (11) or output (12).
fn column(field: u64, name: &str) -> Vec<u8> {
    let shape = [bytes(1, bytes(2, "n")), bytes(1, number(1, 1))].concat();
    let kind = bytes(1, [number(1, 1), bytes(2, shape)].concat());
    bytes(field, [bytes(1, name), bytes(2, kind)].concat())
}

/// The model's file: input `x`, output `p`.
pub(crate) fn onnx(a: f32, b: f32) -> Vec<u8> {
    let graph = [
        node("Mul", &["x", "b"], "bx"),
        node("Add", &["bx", "a"], "z"),
        node("Sigmoid", &["z"], "p"),
        bytes(2, "curve"),
        constant("a", a),
        constant("b", b),
        column(11, "x"),
        column(12, "p"),
    ];
    let opset = [bytes(1, ""), number(2, 18)].concat();
    [number(1, 9), bytes(7, graph.concat()), bytes(8, opset)].concat()
}
