extension APIDescription {
    static let classify = APIDescription(
        paths: #"""
            "/classify": {
              "post": {
                "operationId": "classify",
                "summary": "Label an image, or several.",
                "description": "The image is the form's field 'image', which can be repeated, or the body itself. The bytes decide what it is, whatever type is declared.",
                "parameters": [
                  {"name": "top", "in": "query", "description": "How many labels; at most as many as the model has classes.", "schema": {"type": "integer", "minimum": 1, "default": 5}},
                  {"name": "model", "in": "query", "description": "A name that /models gives. Without it the first model is asked.", "schema": {"type": "string"}},
                  {"name": "gates", "in": "query", "description": "The gates of the network's squeeze-and-excitation blocks: their means and histograms, or with 'full' every value too.", "schema": {"type": "string", "enum": ["0", "1", "full"], "default": "0"}},
                  {"name": "X-Request-Id", "in": "header", "description": "Comes back in the answer and in the log; made up where absent.", "schema": {"type": "string", "maxLength": 128}},
                  {"$ref": "#/components/parameters/X-Deadline-Ms"},
                  {"name": "traceparent", "in": "header", "description": "Goes into the log.", "schema": {"type": "string", "maxLength": 128}}
                ],
                \#(imageBody(field: "image")),
                "responses": {
                  "200": {
                    "description": "The labels: of one image, or of several in their order. One bad image of several spoils only its own entry.",
                    "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
                  },
                  \#(APIDescription.refusals("Problem", again: "TryAgain"))
                }
              }
            }
            """#,
        schemas: #"""
            "Answer": \#(imageAnswer(of: "Classification")),
            "Classification": {
              "type": "object",
              "required": ["predictions", "image", "timing_ms", "batch_size"],
              "properties": {
                "predictions": {"type": "array", "description": "Best first.", "minItems": 1, "items": {"$ref": "#/components/schemas/Prediction"}},
                "image": {"$ref": "#/components/schemas/Image"},
                "timing_ms": {"$ref": "#/components/schemas/Timing"},
                "batch_size": {"type": "integer", "minimum": 1, "description": "Images that ran together with it."},
                "gates": {"type": "array", "description": "Where the request asked for them; in the network's order.", "items": {"$ref": "#/components/schemas/Gate"}}
              }
            },
            "Gate": {
              "type": "object",
              "required": ["name", "channels", "mean", "histogram"],
              "properties": {
                "name": {"type": "string", "description": "The block's, as the checkpoint has it: layer1.0.se."},
                "channels": {"type": "integer", "minimum": 1},
                "mean": {"type": "number", "description": "Over the channels."},
                "histogram": {"type": "array", "description": "How many channels' values lie in each tenth of 0 to 1.", "items": {"type": "integer", "minimum": 0}, "minItems": 10, "maxItems": 10},
                "values": {"type": "array", "description": "Of each channel; with gates=full.", "items": {"type": "number"}}
              }
            },
            "Prediction": {
              "type": "object",
              "required": ["label", "class", "index", "score"],
              "properties": {
                "label": {"type": "string", "description": "The class's name for people."},
                "synonyms": {"type": "array", "description": "Its other names; absent where it has none.", "items": {"type": "string"}},
                "class": {"type": "string", "description": "Its short name: a WordNet id, say."},
                "index": {"type": "integer", "minimum": 0},
                "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "Softmax over all classes; of a model with one output, or trained for several labels at once, each class's own sigmoid."}
              }
            }
            """#)
}
