/// What a dialect says of its routes in OpenAPI 3.1, as the members of JSON objects.
package struct APIDescription: Sendable {
    /// A member a path: its methods.
    var paths = ""
    /// Methods, as members of a path's object, by path: beside those that another dialect has there.
    var methods: [String: String] = [:]
    /// Members of `components.responses`, under names that no other dialect has.
    var responses = ""
    /// Members of `components.schemas`, under names that no other dialect has.
    var schemas = ""

    /// A reference to the response for each status that a route of the pool's may refuse a request with: members of `responses`.
    ///
    /// - Parameters:
    ///   - error: the response's name.
    ///   - again: the name of that which says when to come back.
    static func refusals(_ error: String, again: String? = nil) -> String {
        [400, 404, 408, 413, 415, 429, 500, 501, 503, 504].map { status in
            let name = [429, 503].contains(status) ? again ?? error : error
            return "\"\(status)\": {\"$ref\": \"#/components/responses/\(name)\"}"
        }.joined(separator: ", ")
    }
}

extension APIDescription {
    /// The whole interface: what `/openapi.json` answers.
    static func document(_ parts: [APIDescription]) -> String {
        func members(_ texts: [String]) -> String { texts.filter { !$0.isEmpty }.joined(separator: ",\n") }
        var paths = members(parts.map(\.paths))
        for (path, methods) in parts.flatMap(\.methods).sorted(by: { $0.key < $1.key }) {
            let start = "\"\(path)\": {"
            if let there = paths.firstRange(of: start) {
                paths.insert(contentsOf: "\n\(methods),", at: there.upperBound)
            } else {
                paths = members([paths, "\(start)\n\(methods)\n}"])
            }
        }
        let responses = members([sharedResponses] + parts.map(\.responses))
        let schemas = members([sharedSchemas] + parts.map(\.schemas))
        return #"""
            {
              "openapi": "3.1.0",
              "info": {
                "title": "Excite",
                "version": "\#(Build.version)",
                "summary": "Labels photographs.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
              },
              "servers": [{"url": "/"}],
              "paths": {
            \#(paths)
              },
              "components": {
                "parameters": {
                  "X-Deadline-Ms": {"name": "X-Deadline-Ms", "in": "header", "description": "Milliseconds that the client will wait. What cannot be done by then is refused with 429, what was not begun by then is dropped with 504.", "schema": {"type": "integer", "minimum": 1, "maximum": 86400000}}
                },
                "headers": {
                  "X-Request-Id": {"description": "The request's own, or one made up.", "schema": {"type": "string"}},
                  "Retry-After": {"description": "When to come back, in seconds, from the measured rate.", "schema": {"type": "integer", "minimum": 1}}
                },
                "responses": {
            \#(responses)
                },
                "schemas": {
            \#(schemas)
                }
              }
            }
            """#
    }

    /// What several dialects speak of.
    private static let sharedResponses = #"""
        "Text": {"description": "What there is to say, in words.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "Problem": {
          "description": "What was wrong and what to do.",
          "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
          "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        },
        "TryAgain": {
          "description": "Not now: what was wrong and when to come back.",
          "headers": {
            "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
            "Retry-After": {"$ref": "#/components/headers/Retry-After"}
          },
          "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        }
        """#

    /// What several dialects speak of.
    private static let sharedSchemas = #"""
        "Image": {
          "type": "object",
          "required": ["format", "width", "height", "orientation", "mode"],
          "properties": {
            "format": {"type": "string", "enum": ["jpeg", "png", "webp"]},
            "width": {"type": "integer", "minimum": 1, "description": "As stored."},
            "height": {"type": "integer", "minimum": 1, "description": "As stored."},
            "orientation": {"type": "integer", "minimum": 1, "maximum": 8, "description": "What EXIF says; 1 is upright."},
            "mode": {"type": "string", "description": "How colour is stored: gray, gray_alpha, rgb, rgba, palette or cmyk."},
            "warnings": {"type": "array", "description": "What was passed over, in words; absent where nothing was.", "items": {"type": "string"}}
          }
        },
        "Timing": {
          "type": "object",
          "description": "Where the time went, in milliseconds.",
          "required": ["receive", "decode", "queue", "inference", "total"],
          "properties": {
            "receive": {"type": "number", "description": "Until the request's body was here."},
            "decode": {"type": "number", "description": "Decoding, resizing and cropping."},
            "queue": {"type": "number", "description": "Waiting."},
            "inference": {"type": "number", "description": "The batch's run."},
            "total": {"type": "number"}
          }
        },
        "Failure": {
          "type": "object",
          "required": ["error"],
          "properties": {"error": {"$ref": "#/components/schemas/Problem"}}
        },
        "Problem": {
          "type": "object",
          "description": "RFC 9457.",
          "required": ["status", "title", "detail", "code"],
          "properties": {
            "status": {"type": "integer"},
            "title": {"type": "string"},
            "detail": {"type": "string", "description": "What was wrong and what to do."},
            "code": {"type": "string", "description": "Stays the same: for programs to branch on."}
          }
        }
        """#
}
