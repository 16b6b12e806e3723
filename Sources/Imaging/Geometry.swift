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
