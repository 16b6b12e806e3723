import CKernels
import Testing

@Suite("Dispatch")
struct DispatchTests {
    @Test("the portable kernels are always there, after all others")
    func portableIsLast() {
        #expect(Kernels.all.last?.name == "portable")
    }

    @Test("each available name leads to the table of that name", arguments: Kernels.all)
    func namesLeadToTables(kernels: Kernels) {
        #expect(String(cString: kernels.table.name) == kernels.name)
    }

    @Test("an unknown instruction set has no kernels")
    func unknownName() {
        #expect(excite_kernels_named("mmx") == nil)
        #expect(excite_kernels_named("") == nil)
    }
}
