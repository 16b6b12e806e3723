/// Where the crop lies in the resized image, along one axis: centred, or inside a border where the image is the smaller of the two.
struct Placement: Equatable {
    /// The positions of the resized image that the crop shows.
    var window: Range<Int>
    /// Where the first of them comes to lie in the crop.
    var offset: Int

    var count: Int { window.count }

    /// torchvision's `center_crop`: half of an odd surplus is rounded to even; of an odd lack the smaller half comes first.
    init(resized: Int, crop: Int) {
        if resized >= crop {
            let start = Int((Double(resized - crop) / 2).rounded(.toNearestOrEven))
            window = start..<start + crop
            offset = 0
        } else {
            window = 0..<resized
            offset = (crop - resized) / 2
        }
    }
}

extension Preprocessing {
    /// The size an image is resized to before the crop.
    func resizedSize(width imageWidth: Int, height imageHeight: Int) -> (width: Int, height: Int) {
        let targetWidth = Int((Double(width) / cropFraction).rounded(.down))
        let targetHeight = Int((Double(height) / cropFraction).rounded(.down))
        switch cropMode {
        case .squash:
            return (targetWidth, targetHeight)
        case .center where targetWidth == targetHeight:
            // torchvision's Resize to one number: the longer edge is cut to a whole number, and an image that fits stays as it is.
            let (short, long) = (min(imageWidth, imageHeight), max(imageWidth, imageHeight))
            let resizedLong = Int(Double(targetWidth * long) / Double(short))
            return imageWidth <= imageHeight ? (targetWidth, resizedLong) : (resizedLong, targetHeight)
        case .center, .border:
            // timm's ResizeKeepRatio, which rounds half to even. It fails where an edge comes out as 0; here that edge keeps one pixel.
            let ratios = (Double(imageWidth) / Double(targetWidth), Double(imageHeight) / Double(targetHeight))
            let ratio = cropMode == .border ? max(ratios.0, ratios.1) : min(ratios.0, ratios.1)
            func resized(_ edge: Int) -> Int { max(1, Int((Double(edge) / ratio).rounded(.toNearestOrEven))) }
            return (resized(imageWidth), resized(imageHeight))
        }
    }
}

/// How the rows of a file become a crop: which part of the resized image is wanted, and the tables for the axes as they are stored.
///
/// An image that must be turned is resized as it lies, and only the crop is turned: the weights belong to the upright image, so they change
/// places with their axis, and run backwards where it is mirrored.
struct CropPlan {
    /// Of the upright crop.
    let x: Placement
    let y: Placement
    /// The stored axes: each has the upright crop's window of the axis that it becomes.
    let columns: ResampleTable
    let rows: ResampleTable
    /// Whether the stored image is taken vertically first.
    let verticalFirst: Bool
    let orientation: Orientation

    /// - Parameters:
    ///   - stored: the size that the file gives; the resized image's size follows from it.
    ///   - width, height: the size of the rows that are to be resized: less than `stored` where a JPEG is decoded at a reduced scale.
    init(_ preprocessing: Preprocessing, stored: (width: Int, height: Int), width: Int, height: Int, _ orientation: Orientation) {
        self.orientation = orientation
        let swaps = orientation.swapsAxes
        let size = preprocessing.resizedSize(stored: stored, orientation)
        x = Placement(resized: size.width, crop: preprocessing.width)
        y = Placement(resized: size.height, crop: preprocessing.height)
        let (uprightWidth, uprightHeight) = swaps ? (height, width) : (width, height)
        let filter = preprocessing.interpolation
        let uprightColumns = ResampleTable(filter, source: uprightWidth, target: size.width, window: x.window)
        let uprightRows = ResampleTable(filter, source: uprightHeight, target: size.height, window: y.window)
        let columns = swaps ? uprightRows : uprightColumns
        let rows = swaps ? uprightColumns : uprightRows
        self.columns = orientation.mirrorsColumns ? columns.mirrored(source: width) : columns
        self.rows = orientation.mirrorsRows ? rows.mirrored(source: height) : rows
        // Since version 13 Pillow takes an image vertically first where that axis shrinks by much more than the other
        // (python-pillow/Pillow#9549); the 8-bit values between the passes make this visible in the result. Which images those are was found
        // by trying thousands of sizes on Pillow 13.0.
        let uprightVerticalFirst = uprightHeight > size.height && uprightHeight - size.height > 2 * (uprightWidth - size.width)
        verticalFirst = uprightVerticalFirst != swaps
    }

    /// Copies what was resized as it lay, (rows, columns, 3), to the upright window in a crop whose rows are `rowBytes` apart.
    func turn(_ resized: UnsafePointer<UInt8>, into window: UnsafeMutablePointer<UInt8>, rowBytes: Int) {
        let (storedRows, storedColumns) = (rows.starts.count, columns.starts.count)
        for uprightY in 0..<y.count {
            for uprightX in 0..<x.count {
                var (row, column) = orientation.swapsAxes ? (uprightX, uprightY) : (uprightY, uprightX)
                if orientation.mirrorsRows { row = storedRows - 1 - row }
                if orientation.mirrorsColumns { column = storedColumns - 1 - column }
                (window + uprightY * rowBytes + 3 * uprightX).update(from: resized + 3 * (row * storedColumns + column), count: 3)
            }
        }
    }
}

extension Preprocessing {
    /// The size that a stored image is resized to, once it is upright.
    func resizedSize(stored: (width: Int, height: Int), _ orientation: Orientation) -> (width: Int, height: Int) {
        orientation.swapsAxes
            ? resizedSize(width: stored.height, height: stored.width) : resizedSize(width: stored.width, height: stored.height)
    }

    /// The scale, in eighths, at which a JPEG still has twice the pixels along each axis that it is resized to: below that the network sees
    /// the difference.
    func eighths(stored: (width: Int, height: Int), _ orientation: Orientation) -> Int {
        let size = resizedSize(stored: stored, orientation)
        let target = orientation.swapsAxes ? (size.height, size.width) : (size.width, size.height)
        return [1, 2, 4].first { stored.width * $0 / 8 >= 2 * target.0 && stored.height * $0 / 8 >= 2 * target.1 } ?? 8
    }
}
