import HTTPServer

extension Response {
    static func plain(_ status: Int, _ text: String) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", text: text)
    }

    /// A JSON text, with a line feed for who reads it on a terminal.
    static func json(_ text: [UInt8], status: Int = 200) -> Response {
        Response(status: status, headers: [("Content-Type", "application/json")], body: text + [UInt8(ascii: "\n")])
    }

    /// An object of these fields.
    static func json(_ fields: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        writer.object(fields)
        return .json(writer.bytes)
    }
}
