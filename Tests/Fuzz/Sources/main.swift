import CLibFuzzer
import Foundation

// `fuzz TARGET [libFuzzer's options] [corpus folders]`: feeds the target with inputs that libFuzzer makes, until one ends the process.

let targets: [String: FuzzTarget] = [
    "jpeg": decodeImage, "png": decodePNG, "webp": decodeImage, "multipart": parseMultipart, "head": readRequests, "json": readJSON,
    "tensors": readTensors, "inference": readInference, "tensorflow": readTensorFlow, "huggingface": readHuggingFace,
    "safetensors": readSafeTensors, "config": readConfiguration,
    "caffe": importNetwork, "pytorch": importNetwork,
]

guard CommandLine.arguments.count > 1, let target = targets[CommandLine.arguments[1]] else {
    let names = targets.keys.sorted().joined(separator: "|")
    FileHandle.standardError.write(Data("usage: fuzz \(names) [libFuzzer's options] [corpus]\n".utf8))
    exit(64)
}
chosenTarget = target
var (count, arguments) = (CommandLine.argc - 1, CommandLine.unsafeArgv + 1)
// libFuzzer starts itself anew for some of its jobs, by the first argument.
arguments[0] = CommandLine.unsafeArgv[0]
var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
exit(LLVMFuzzerRunDriver(&count, &list, runChosenTarget))
