import FoundationEssentials
import SENet

/// Image files in folders.
public enum ImageFiles {
    /// What torchvision's `ImageFolder` takes for an image, so that both see the same files.
    private static let extensions: Set = ["jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"]

    /// The paths of all images in a folder and the folders in it, sorted.
    ///
    /// - Throws: `ModelError.file` if a folder cannot be read.
    public static func images(under folder: String) throws(ModelError) -> [String] {
        var images: [String] = []
        for name in try contents(folder) where !name.hasPrefix(".") {
            let path = "\(folder)/\(name)"
            if isFolder(path) {
                images += try Self.images(under: path)
            } else if extensions.contains(URL(filePath: name).pathExtension.lowercased()) {
                images.append(path)
            }
        }
        return images
    }

    /// The names of the folders in a folder, sorted.
    ///
    /// - Throws: `ModelError.file` if the folder cannot be read.
    public static func folders(in folder: String) throws(ModelError) -> [String] {
        try contents(folder).filter { !$0.hasPrefix(".") && isFolder("\(folder)/\($0)") }
    }

    public static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    private static func contents(_ folder: String) throws(ModelError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw .cannotRead(folder, error)
        }
    }
}
