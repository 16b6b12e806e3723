extension APIDescription {
    static let embed = APIDescription(
        paths: #"""
            "/embed": {
              "post": {
                "operationId": "embed",
                "summary": "The features of an image, or of several: what the classifier reads, for a search by likeness.",
                "description": "The image is the form's field 'image', which can be repeated, or the body itself. The bytes decide what it is, whatever type is declared.",
                "parameters": [
                  {"name": "normalize", "in": "query", "description": "1: divided by the Euclidean norm, so that the product of two is the cosine between them.", "schema": {"type": "string", "enum": ["0", "1"], "default": "0"}},
                  {"name": "model", "in": "query", "description": "A name that /models gives, or NAME@VERSION. Without it the first that is given by --model is asked, or the only one.", "schema": {"type": "string"}},
                  {"name": "X-Request-Id", "in": "header", "description": "Comes back in the answer and in the log; made up where absent.", "schema": {"type": "string", "maxLength": 128}},
                  {"$ref": "#/components/parameters/X-Deadline-Ms"}, {"$ref": "#/components/parameters/X-Priority"}
                ],
                \#(imageBody(field: "image")),
                "responses": {
                  "200": {
                    "description": "The features. As application/octet-stream, where Accept names it: for each image a row of float32, little-endian; a bad image is then the whole request's error.",
                    "headers": {
                      "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Status": {"$ref": "#/components/headers/Cache-Status"}
                    },
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/EmbedAnswer"},
                        "example": {
                          "model": "seresnet34.tiny_imagenet",
                          "embedding": [0.0, 0.7421, 0.0319],
                          "image": {"format": "jpeg", "width": 600, "height": 400, "orientation": 1, "mode": "rgb"},
                          "timing_ms": {"receive": 0.2, "decode": 2.5, "queue": 0.1, "inference": 1.1, "total": 3.9},
                          "batch_size": 1
                        }
                      },
                      "application/octet-stream": {"schema": {}}
                    }
                  },
                  \#(APIDescription.refusals("Problem", again: "TryAgain"))
                }
              }
            }
            """#,
        schemas: #"""
            "EmbedAnswer": \#(imageAnswer(of: "Embedding")),
            "Embedding": {
              "type": "object",
              "required": ["embedding", "image", "timing_ms", "batch_size"],
              "properties": {
                "embedding": {"type": "array", "description": "As many numbers as the classifier reads: 2,048 for SE-ResNet-50.", "minItems": 1, "items": {"type": "number"}},
                "image": {"$ref": "#/components/schemas/Image"},
                "timing_ms": {"$ref": "#/components/schemas/Timing"},
                "batch_size": {"type": "integer", "minimum": 1, "description": "Images that ran together with it."}
              }
            }
            """#)
}
