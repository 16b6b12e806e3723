/// A JPEG of arithmetic coding and one component whose scans hold no data: a few bytes for a pass over the whole image. Where there are
/// several, 2 bytes a pixel are held.
func emptyScans(width: Int, height: Int, scans: Int = 2) -> [UInt8] {
    func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] { [0xFF, marker, 0, UInt8(content.count + 2)] + content }
    func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
    let tables = segment(0xDB, [0] + [UInt8](repeating: 1, count: 64))
    let frame = segment(0xCA, [8] + number(height) + number(width) + [1, 1, 0x11, 0])
    var file: [UInt8] = [0xFF, 0xD8] + tables + frame + segment(0xDA, [1, 1, 0, 0, 0, 0])
    for scan in 1..<scans {
        let coefficient = UInt8(1 + (scan - 1) % 63)
        file += segment(0xDA, [1, 1, 0, coefficient, coefficient, 0])
    }
    return file + [0xFF, 0xD9]
}
