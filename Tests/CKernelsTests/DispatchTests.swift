import CKernels
import Testing

@Suite("Dispatch")
struct DispatchTests {
    @Test("the portable kernels are always there, after all others")
    func portableIsLast() {
        #expect(Kernels.everywhere.last?.name == "portable")
    }

    @Test("every table has a name of its own, and a base that is there too")
    func names() {
        let names = Kernels.everywhere.map(\.name)
        #expect(Set(names).count == names.count)
        for kernels in Kernels.everywhere { #expect(names.contains(String(cString: kernels.table.base)), "\(kernels.name)") }
    }

    @Test("there is no table before the first and after the last")
    func ends() {
        #expect(excite_kernels_at(-1) == nil)
        #expect(excite_kernels_at(Int32(Kernels.everywhere.count)) == nil)
    }
}
